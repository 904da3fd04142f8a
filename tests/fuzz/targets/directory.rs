//! Pages of the directory, and keys: with any bytes, reading and changing them ends, and other entries stay as they are.
#![no_main]

use conifer_pure::hnsw::node::ROOM;
use conifer_pure::hnsw::pages::{Column, Entry, Key, directory};
use libfuzzer_sys::fuzz_target;

const COLUMNS: [Column; 6] =
    [Column::Integer, Column::Text, Column::Uuid, Column::Boolean, Column::Fixed(3), Column::Varying];

fuzz_target!(|bytes: &[u8]| {
    let shown = Key::display(&COLUMNS, bytes, |_, value| format!("{} bytes", value.len()));
    assert!(shown.len() <= 8 * bytes.len() + 32 * COLUMNS.len());

    let mut page = vec![0; ROOM];
    let used = bytes.len().min(ROOM);
    page[..used].copy_from_slice(&bytes[..used]);
    let hash = bytes.first_chunk().map_or(0, |hash| u64::from_le_bytes(*hash));
    branch(&page, hash);
    // A fuzzer does not guess a valid end of the entries.
    leaf(&page, hash);
    page[4..8].copy_from_slice(&(used.max(16) as u32).to_le_bytes());
    leaf(&page, hash);
});

fn branch(page: &[u8], hash: u64) {
    if let Ok(child) = directory::child(page, hash) {
        assert!(directory::children(page).contains(&child));
        let (mut changed, bits) = (page.to_vec(), directory::bits(page).unwrap());
        directory::lead(&mut changed, bits + 10, hash, 99).unwrap();
        assert_eq!(directory::child(&changed, hash).unwrap(), 99);
    }
    let _ = directory::lead(&mut page.to_vec(), hash as u32 % 70, hash, 7);
}

fn leaf(page: &[u8], hash: u64) {
    let whole: Result<Vec<_>, _> = directory::entries(page).collect();
    let key = hash.to_le_bytes();
    let _ = (directory::is_for(page, hash), directory::find(page, hash, &key), directory::has_room(page, 9));
    let Ok(entries) = whole else { return };
    for (at, entry) in &entries {
        let mut less = page.to_vec();
        directory::remove(&mut less, *at).unwrap();
        assert_eq!(directory::entries(&less).count(), entries.len() - 1);
        let (found, _) = directory::find(page, entry.hash, entry.key).unwrap().unwrap();
        assert!(found <= *at);
    }
    let mut more = page.to_vec();
    let new = directory::Found { hash, key: &key, entry: Entry::EMPTY };
    if directory::add(&mut more, &new).unwrap() {
        assert_eq!(directory::entries(&more).last().unwrap().unwrap().1, new);
    }
    let (mut low, mut high) = (page.to_vec(), vec![0; ROOM]);
    if directory::split(&mut low, &mut high).is_ok() {
        let count = |page: &[u8]| directory::entries(page).map(Result::unwrap).count();
        assert_eq!(count(&low) + count(&high), entries.len());
    }
}
