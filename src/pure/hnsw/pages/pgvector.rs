//! The first page of pgvector's indexes, whose access methods have the same names: it tells them from Conifer's.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 24 | 4 | magic | `0xA953A953` of `hnsw`, `0x014FF1A7` of `ivfflat` |
//! | 28 | 4 | version | of the format |
//! | 8190 | 2 | page's mark | `0xFF90` of `hnsw`, `0xFF84` of `ivfflat` |
//!
//! Numbers are in the byte order of the machine. Nothing else of such an index is read.

use crate::hnsw::node::PAGE;

/// Offset of the magic number, behind the server's header.
const MAGIC: usize = 24;
const MARK: usize = PAGE - 2;

/// The access method of pgvector that has written this page, the first of an index; `None` if none has.
#[must_use]
pub fn method(page: &[u8]) -> Option<&'static str> {
    let magic = u32::from_ne_bytes(*page.get(MAGIC..)?.first_chunk()?);
    let mark = u16::from_ne_bytes(*page.get(MARK..)?.first_chunk()?);
    match (magic, mark) {
        (0xA953_A953, 0xFF90) => Some("hnsw"),
        (0x014F_F1A7, 0xFF84) => Some("ivfflat"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(magic: u32, mark: u16) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        page[MAGIC..][..4].copy_from_slice(&magic.to_ne_bytes());
        page[MARK..].copy_from_slice(&mark.to_ne_bytes());
        page
    }

    #[test]
    fn a_first_page_is_known_by_both_numbers() {
        assert_eq!(method(&page(0xA953_A953, 0xFF90)), Some("hnsw"));
        assert_eq!(method(&page(0x014F_F1A7, 0xFF84)), Some("ivfflat"));
        for other in [page(0xA953_A953, 0xFF84), page(0x014F_F1A7, 0), page(0, 0xFF90), page(0, 0)] {
            assert_eq!(method(&other), None);
        }
        assert_eq!(method(&page(0xA953_A953, 0xFF90)[..PAGE - 1]), None);
        assert_eq!(method(&[]), None);
    }
}
