//! The first page: format and options of the index.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 24 | | [header](super::page) |
//! | 24 | 4 | magic | `0xC041F1ED` |
//! | 28 | 4 | version | of the format: 1 |
//! | 32 | 4 | `dim` | dimensions of the vectors, or 0: any |
//! | 36 | 2 | `columns` | leading columns of the key: 0, room for more |
//! | 38 | 2 | | 0 |
//! | 40 | 4 | `directory` | page of the directory's root, or 0: there is no key, the root is page 1 |
//! | 44 | 4 | | 0 |
//! | 48 | 8 | `salt` | of the hash of keys |
//!
//! The version grows with any change of a byte's meaning, here or on any other page.

use super::page::{self, Kind, Owner, corrupted, half, long, put, word};
use crate::fault::{Fault, Result, state};
use crate::hnsw::node::REINDEX;

/// The first page.
pub const META: u32 = 0;
/// The root of an index without a key.
pub const ROOT: u32 = 1;
/// The format that this library writes, and the only one it reads.
pub const VERSION: u32 = 1;
const MAGIC: u32 = 0xC041_F1ED;
const END: usize = 56;

/// The fields of the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    /// Dimensions of the vectors, or 0: any.
    pub dim: u32,
    /// Leading columns of the key.
    pub columns: u16,
    /// Page of the directory's root, or 0: there is no key.
    pub directory: u32,
    /// Salt of the hash of keys.
    pub salt: u64,
}

impl Meta {
    /// Makes a page the first.
    ///
    /// # Errors
    /// Fewer bytes than a page has.
    pub fn write(&self, room: &mut [u8]) -> Result<()> {
        page::format_reserved(room, META, Owner { root: META, number: 0 })?;
        room[8] = Kind::Meta as u8;
        put(room, 24, &MAGIC.to_le_bytes());
        put(room, 28, &VERSION.to_le_bytes());
        put(room, 32, &self.dim.to_le_bytes());
        put(room, 36, &self.columns.to_le_bytes());
        put(room, 40, &self.directory.to_le_bytes());
        put(room, 48, &self.salt.to_le_bytes());
        page::seal(room, END);
        Ok(())
    }

    /// Reads and checks the first page.
    ///
    /// # Errors
    /// `0A000` for another format; bytes that cannot have been written.
    pub fn read(room: &[u8]) -> Result<Self> {
        if room.len() < END || word(room, 24) != MAGIC {
            return Err(corrupted("it is not the first page of an inverted index"));
        }
        let version = word(room, 28);
        if version != VERSION {
            let message = format!("index has format {version}, this library reads {VERSION}");
            return Err(Fault::new(state::FEATURE_NOT_SUPPORTED, message).hint(REINDEX));
        }
        let owner = Owner { root: META, number: 0 };
        page::open_whole(room, META, owner, Kind::Meta).map_err(super::trouble::Trouble::into_fault)?;
        Ok(Self {
            dim: word(room, 32),
            columns: half(room, 36),
            directory: word(room, 40),
            salt: long(room, 48),
        })
    }
}
