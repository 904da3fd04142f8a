//! The bytes of a small index: a change of any of them is a change of the format, and needs another version.

use super::model::{Vector, rows, tid};
use crate::inverted::page;
use crate::inverted::{META, Meta, ROOT, insert};

#[test]
fn bytes() {
    let vectors: Vec<Vector> = (0..200)
        .map(|row| Vector::of([(0, 1.0 + row as f32), (3 + row % 7, 0.1), (row * 9, -2.0)]))
        .collect();
    let mut pages = super::model::built(&rows(&vectors), 1 << 30);
    insert(&mut pages, ROOT, 0, tid(300), vectors[5].get()).unwrap();
    let found: Vec<(u8, usize, String)> = pages
        .pages
        .iter()
        .map(|room| {
            let sum = room[16..20].iter().map(|byte| format!("{byte:02x}")).collect();
            (room[8], page::used(room), sum)
        })
        .collect();
    let found: Vec<(u8, usize, &str)> =
        found.iter().map(|(kind, used, sum)| (*kind, *used, &sum[..])).collect();
    let golden = [
        (3, 56, "954716d1"),
        (4, 120, "629959ff"),
        (6, 1224, "f8044980"),
        (8, 5820, "dc91a7eb"),
        (11, 713, "c738ecf6"),
        (10, 64, "99e737e9"),
        (12, 40, "9c4b8816"),
        (5, 60, "4b41ba7b"),
    ];
    assert_eq!(found, golden, "kind, bytes in use and checksum of each page");
}

#[test]
fn first_page() {
    let meta = Meta { dim: 30_000, columns: 1, directory: 9, salt: 77 };
    let mut room = vec![1; page::ROOM];
    meta.write(&mut room).unwrap();
    assert_eq!((Meta::read(&room), page::used(&room)), (Ok(meta), 56));
    for at in 0..page::used(&room) {
        let mut spoilt = room.clone();
        spoilt[at] ^= 4;
        let fault = Meta::read(&spoilt).unwrap_err();
        assert_eq!(
            (fault.state == "0A000", fault.hint.is_some()),
            ((28..32).contains(&at), true),
            "byte {at}"
        );
    }
    for page in [&[][..], &[0; page::ROOM], &room[..99]] {
        assert_eq!(Meta::read(page).unwrap_err().state, "XX002");
    }
    assert_eq!(META, 0);
}
