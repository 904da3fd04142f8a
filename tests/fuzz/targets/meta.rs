//! The meta page: a page that is read is one of an index that can exist, and is written as the same bytes.
#![no_main]

use conifer_pure::hnsw::node::Layout;
use conifer_pure::hnsw::pages::{HINTS, Meta, VERSION};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut page = vec![0; Meta::BYTES];
    let used = bytes.len().min(page.len());
    page[..used].copy_from_slice(&bytes[..used]);
    look(&page);
    let _ = Meta::read(bytes);
    // A fuzzer does not guess the magic number and the version.
    page[..8].copy_from_slice(&[0x20, 0xfe, 0x41, 0xc0, VERSION as u8, 0, 0, 0]);
    look(&page);
});

fn look(page: &[u8]) {
    let _ = (Meta::entry(page), Meta::graphs(page));
    (0..HINTS).for_each(|which| assert!(Meta::hint(page, which) == Meta::hint(page, which + HINTS)));
    let Ok(meta) = Meta::read(page) else { return };
    whole(&meta.layout);
    let mut again = vec![0xff; Meta::BYTES];
    meta.write(&mut again);
    assert_eq!(Meta::read(&again).unwrap(), meta);
}

/// Node records lie within their pages and beside each other.
fn whole(layout: &Layout) {
    let room = conifer_pure::hnsw::node::ROOM * layout.unit_pages();
    assert!(layout.per_page() > 0 && layout.node_bytes() * layout.per_page() <= room);
    let place = layout.place(layout.first_on(7)).unwrap();
    assert_eq!((place.page, place.offset), (7, 0));
}
