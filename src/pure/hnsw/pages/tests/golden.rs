//! Pages beside the nodes, byte for byte: see [`golden`](crate::hnsw::golden) for the meaning of a failure.

use super::super::directory::{BRANCH, Found, add, end, format_branch, format_leaf, lead};
use super::super::*;
use crate::distance::metric::Metric;
use crate::hnsw::golden::{pieces, same};
use crate::hnsw::node::{EntryPoint, Layout, Options, ROOM};
use crate::hnsw::uncoded::{Form, Uncoded};

const ENTRY: Entry = Entry {
    root: Some(EntryPoint { entry: 0x0102_0304, level: 5, origin: 0x0607_0809, graph: 0x0a0b }),
    nodes: 0x0c0d,
};

fn meta(layout: Layout, element: Element) -> String {
    let meta = Meta {
        layout,
        element,
        m: 0x10,
        ef_construction: 0x0111,
        columns: 2,
        directory: 0x1314,
        seed: 0x1516_1718_191a_1b1c,
        salt: 0x1d1e_1f20_2122_2324,
    };
    let mut page = vec![0; ROOM];
    meta.write(&mut page);
    Meta::set_entry(&mut page, &ENTRY);
    Meta::set_graphs(&mut page, 0x2526);
    Meta::set_hint(&mut page, 0, 0x2728);
    Meta::set_hint(&mut page, HINTS - 1, 0x292a);
    page[Meta::INSERTIONS..][..8].copy_from_slice(&0x2b2c_2d2e_2f30_3132u64.to_le_bytes());
    assert_eq!((Meta::read(&page).unwrap(), Meta::entry(&page)), (meta, ENTRY));
    pieces(&page, &[8, 4, 4, 4, 8, 4, 8, 8, 8, 8, 20, 44, 4])
}

#[test]
fn meta_of_coded() {
    let layout = Layout::choose(384, Metric::Cosine, Options::default()).unwrap();
    same(
        "the meta page",
        &meta(layout, Element::F16),
        "
        20fe41c002000000
        80010000
        02010101
        80010000
        2000100011010200
        14130000
        1c1b1a1918171615
        24232221201f1e1d
        2625000000000000
        0000000000000000
        04030201090807060b0a00000d0c000005000000
        0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
        28270000
        00000000 x30
        2a290000
        3231302f
        2e2d2c2b
        00000000 x1974
    ",
    );
}

#[test]
fn meta_of_uncoded() {
    let uncoded = Uncoded::new(Form::Sparse, Metric::InnerProduct, 30_000).unwrap();
    same(
        "the meta page",
        &meta(Layout::uncoded_for(uncoded, 32, 385).unwrap(), Element::Sparse),
        "
        20fe41c002000000
        30750000
        01030200
        96010000
        2000100011010200
        14130000
        1c1b1a1918171615
        24232221201f1e1d
        2625000000000000
        0000000000000000
        04030201090807060b0a00000d0c000005000000
        0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
        28270000
        00000000 x30
        2a290000
        3231302f
        2e2d2c2b
        00000000 x1974
    ",
    );
}

#[test]
fn branch() {
    let mut page = vec![0; ROOM];
    format_branch(&mut page, 10, 0x0102_0304);
    lead(&mut page, 12, 0b11 << 52, 0x0506_0708).unwrap();
    same(
        "a branch",
        &pieces(&page, &[16, 4]),
        "
        0a000000000000000000000000000000
        04030201 x768
        08070605 x256
        00000000 x1012
    ",
    );
    assert!(page[BRANCH..].iter().all(|byte| *byte == 0));
}

#[test]
fn leaf() {
    let mut page = vec![0; ROOM];
    format_leaf(&mut page, 12, 0b11 << 52);
    let hash = 0b11 << 52 | 0x0102_0304_0506;
    assert!(add(&mut page, &Found { hash, key: b"a key", entry: ENTRY }).unwrap());
    assert!(add(&mut page, &Found { hash: hash + 1, key: b"", entry: Entry::EMPTY }).unwrap());
    assert_eq!(end(&page).unwrap(), 85);
    same(
        "a leaf",
        &pieces(&page, &[4, 4, 8, 4, 8, 20, 5, 4, 8, 20, 1]),
        "
        0c000000
        55000000
        0000000000003000
        25000000
        0605040302013000
        04030201090807060b0a00000d0c000005000000
        61206b6579
        20000000
        0705040302013000
        ffffffffffffffff000000000000000000000000
        00 x8075
    ",
    );
}

/// A key of a null, a number, a text and a text that is too long to be stored.
#[test]
fn key() {
    let mut key = Key::new();
    key.null();
    key.fixed(&0x0102_0304i32.to_le_bytes());
    key.varying(b"text", || unreachable!());
    key.varying(&[b'x'; MAX_VALUE + 1], || [0xab; 32]);
    same(
        "a key",
        &pieces(key.bytes(), &[key.bytes().len()]),
        "00010403020101040000007465787402abababababababababababababababababababababababababababababababab",
    );
}
