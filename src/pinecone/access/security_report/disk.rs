//! Whether the server's files lie on an encrypted disk, as far as that can be seen.

use crate::pg::spi::{Mode, run};
use conifer_pure::pinecone::access::disk::{Encryption, of};
use std::path::Path;

/// A directory of the server's, and the state of its disk.
pub struct Place {
    /// Contents of the directory.
    pub what: String,
    /// `ok` or `unknown`.
    pub state: &'static str,
    /// The directory and its device.
    pub found: String,
    /// Advice, if there is something to do.
    pub advice: Option<&'static str>,
}

/// The places that hold data: the data directory, the write-ahead log and the tablespaces.
pub fn places() -> Vec<Place> {
    let sql = "SELECT 'data directory', pg_catalog.current_setting('data_directory') \
                UNION ALL SELECT 'write-ahead log', pg_catalog.current_setting('data_directory') || '/pg_wal' \
                UNION ALL SELECT 'tablespace ' || spcname, pg_catalog.pg_tablespace_location(oid) FROM pg_catalog.pg_tablespace \
                           WHERE pg_catalog.pg_tablespace_location(oid) OPERATOR(pg_catalog.<>) ''";
    let directories: Vec<(String, String)> =
        run(Mode::Read, sql, &[], |rows| rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?))));
    directories
        .into_iter()
        .map(|(what, directory)| {
            let directory = std::fs::canonicalize(&directory).unwrap_or_else(|_| directory.into());
            let (encryption, device) = of(Path::new("/"), &directory);
            let (state, advice) = match encryption {
                Encryption::Encrypted => ("ok", None),
                Encryption::NotHere => (
                    "unknown",
                    Some("the disk is not encrypted by this machine; what lies below it cannot be seen from here: \
                          ask who runs it, or use LUKS"),
                ),
                Encryption::Unseen => {
                    ("unknown", Some("no block device of this machine is below: ask the file system or who runs it"))
                }
            };
            Place { what, state, found: format!("{} on {device}", directory.display()), advice }
        })
        .collect()
}
