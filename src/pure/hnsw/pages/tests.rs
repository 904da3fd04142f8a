//! Pages come back as they were written, the directory finds the keys that were added, and no bytes make it panic.

mod golden;

use super::directory::*;
use super::*;
use crate::distance::metric::Metric;
use crate::hnsw::node::{EntryPoint, Layout, Options, ROOM};
use proptest::prelude::*;
use std::collections::HashMap;

fn entry(n: u32) -> Entry {
    Entry {
        root: Some(EntryPoint { entry: n, level: n as u8 % 5, origin: n / 2, graph: n + 1 }),
        nodes: n % 7,
    }
}

/// A directory over pages in memory, as the index drives it.
struct Directory {
    pages: Vec<Option<bool>>,
    bytes: Vec<Vec<u8>>,
}

impl Directory {
    fn new() -> Self {
        let mut new = Self { pages: vec![], bytes: vec![] };
        let (root, leaf) = (new.page(true), new.page(false));
        format_leaf(&mut new.bytes[leaf], 0, 0);
        format_branch(&mut new.bytes[root], 0, leaf as u32);
        new
    }

    fn page(&mut self, branch: bool) -> usize {
        self.pages.push(Some(branch));
        self.bytes.push(vec![0; ROOM]);
        self.bytes.len() - 1
    }

    fn leaf(&self, hash: u64) -> (usize, usize) {
        let mut parent = 0;
        loop {
            let page = child(&self.bytes[parent], hash).unwrap() as usize;
            if self.pages[page] == Some(false) {
                assert!(is_for(&self.bytes[page], hash).unwrap());
                return (parent, page);
            }
            parent = page;
        }
    }

    fn add(&mut self, new: &Found<'_>) {
        loop {
            let (parent, leaf) = self.leaf(new.hash);
            if add(&mut self.bytes[leaf], new).unwrap() {
                return;
            }
            let above = bits(&self.bytes[parent]).unwrap();
            let leaf_bits = bits(&self.bytes[leaf]).unwrap();
            if needs_branch(above, leaf_bits) {
                let branch = self.page(true);
                format_branch(&mut self.bytes[branch], leaf_bits, leaf as u32);
                let prefix = prefix_of(&self.bytes[leaf]);
                lead(&mut self.bytes[parent], leaf_bits, prefix, branch as u32).unwrap();
            } else {
                let high = self.page(false);
                let mut new = vec![0; ROOM];
                let (bits, prefix) = split(&mut self.bytes[leaf], &mut new).unwrap();
                self.bytes[high] = new;
                lead(&mut self.bytes[parent], bits, prefix, high as u32).unwrap();
            }
        }
    }
}

#[test]
fn a_hundred_thousand_keys() {
    let mut directory = Directory::new();
    let hash = |n: u32| (u64::from(n) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for n in 0..100_000u32 {
        directory.add(&Found { hash: hash(n), key: &n.to_le_bytes(), entry: entry(n) });
    }
    for n in 0..100_000u32 {
        let (_, leaf) = directory.leaf(hash(n));
        let found = find(&directory.bytes[leaf], hash(n), &n.to_le_bytes()).unwrap();
        assert_eq!(found.map(|f| f.1), Some(entry(n)));
    }
    assert!(directory.bytes.len() < 1000, "{}", directory.bytes.len());
    let seen: usize = (0..directory.bytes.len())
        .filter(|page| directory.pages[*page] == Some(false))
        .map(|page| entries(&directory.bytes[page]).count())
        .sum();
    assert_eq!(seen, 100_000);
}

/// Hashes that share their first bits end in a deeper trie, and all of them in an error.
#[test]
fn hashes_that_collide() {
    let mut directory = Directory::new();
    for n in 0..2000u64 {
        let hash = 0xabcd_ef00_0000_0000 | n.reverse_bits() >> 32;
        directory.add(&Found { hash, key: &n.to_le_bytes(), entry: entry(n as u32) });
    }
    for n in 0..2000u64 {
        let hash = 0xabcd_ef00_0000_0000 | n.reverse_bits() >> 32;
        let (_, leaf) = directory.leaf(hash);
        assert!(find(&directory.bytes[leaf], hash, &n.to_le_bytes()).unwrap().is_some());
        assert!(find(&directory.bytes[leaf], hash, b"other").unwrap().is_none());
    }
    let (mut leaf, mut high) = (vec![0; ROOM], vec![0; ROOM]);
    format_leaf(&mut leaf, 60, 0);
    let fault = split(&mut leaf, &mut high).unwrap_err();
    assert_eq!(fault.state, crate::fault::state::PROGRAM_LIMIT_EXCEEDED);
}

#[test]
fn metas_come_back() {
    for (dim, metric, element) in [
        (3, Metric::L2, Element::F32),
        (768, Metric::Cosine, Element::F16),
        (16_000, Metric::InnerProduct, Element::F32),
    ] {
        let layout = Layout::choose(dim, metric, Options { slots: 64, ..Options::default() }).unwrap();
        let meta = Meta {
            layout,
            element,
            m: 17,
            ef_construction: 65,
            columns: 2,
            directory: 9,
            seed: u64::MAX - 3,
            salt: 77,
        };
        let mut page = vec![1; ROOM];
        meta.write(&mut page);
        assert_eq!(Meta::read(&page).unwrap(), meta);
        assert_eq!((Meta::entry(&page), Meta::graphs(&page), Meta::hint(&page, 5)), (Entry::EMPTY, 1, 0));
        Meta::set_entry(&mut page, &entry(12));
        Meta::set_graphs(&mut page, 4);
        Meta::set_hint(&mut page, 5 + HINTS, 8);
        assert_eq!((Meta::entry(&page), Meta::graphs(&page), Meta::hint(&page, 5)), (entry(12), 4, 8));
        assert_eq!(Meta::read(&page).unwrap(), meta);
        page[4] = 1;
        assert_eq!(Meta::read(&page).unwrap_err().state, crate::fault::state::FEATURE_NOT_SUPPORTED);
    }
    assert!(Meta::read(&[0; ROOM]).is_err() && Meta::read(&[]).is_err());
}

#[test]
fn keys() {
    let hash = |bytes: &[u8]| {
        let mut hash = [0xab; 32];
        hash[0] = bytes.len() as u8;
        hash
    };
    let mut key = Key::new();
    key.integer(-5);
    key.varying("a, b".as_bytes(), || unreachable!());
    key.fixed(&[0x12; 16]);
    key.fixed(&[1]);
    key.null();
    key.fixed(&[1, 2, 3]);
    key.varying(&[7; 5], || unreachable!());
    let columns = [
        Column::Integer,
        Column::Text,
        Column::Uuid,
        Column::Boolean,
        Column::Text,
        Column::Fixed(3),
        Column::Varying,
    ];
    let display = |bytes: &[u8]| Key::display(&columns, bytes, |i, bytes| format!("{i} {bytes:?}"));
    let text = display(key.bytes());
    assert_eq!(
        text,
        "-5, a, b, 12121212-1212-1212-1212-121212121212, true, NULL, 5 [1, 2, 3], 6 [7, 7, 7, 7, 7]"
    );
    for end in 0..key.bytes().len() {
        assert!(display(&key.bytes()[..end]).starts_with("-5") == (end >= 9));
    }
    assert_eq!(key.clone().complete(|_| unreachable!()), key);
    let (mut a, mut b) = (Key::new(), Key::new());
    for (key, texts) in [(&mut a, [&b"a"[..], b"bc"]), (&mut b, [b"ab", b"c"])] {
        texts.iter().for_each(|text| key.varying(text, || unreachable!()));
    }
    assert_ne!(a, b);
    // Long values, and keys with many.
    let mut long = Key::new();
    long.varying(&[b'x'; MAX_VALUE], || unreachable!());
    assert_eq!(long.bytes().len(), MAX_VALUE + 5);
    long.varying(&[b'x'; MAX_VALUE + 1], || hash(b"x"));
    assert_eq!(long.bytes().len(), MAX_VALUE + 5 + 33);
    let all = long.clone().complete(hash);
    assert_eq!((all.bytes().len(), all.bytes()[1]), (33, long.bytes().len() as u8));
    let hex = "ab".repeat(31);
    assert_eq!(display(all.bytes()), format!("sha256 {:02x}{hex}", long.bytes().len() as u8));
    let mut hashed = Key::new();
    hashed.varying(&[b'x'; MAX_VALUE + 1], || hash(b"x"));
    let text = Key::display(&columns[1..2], hashed.bytes(), |_, _| unreachable!());
    assert_eq!(text, format!("sha256 01{hex}"));
    let (mut null, mut empty) = (Key::new(), Key::new());
    null.null();
    empty.varying(b"", || unreachable!());
    assert!(null.is_null() && !empty.is_null() && !key.is_null() && null != empty);
    assert_eq!(display(&[]), "");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 200 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// A leaf is a map.
    #[test]
    fn leaves_are_maps(steps in prop::collection::vec((0..40u8, 0..3u8), 1..300)) {
        let mut leaf = vec![0; ROOM];
        format_leaf(&mut leaf, 0, 0);
        let mut model = HashMap::new();
        for (i, (name, what)) in (0..).zip(steps) {
            let key = vec![name; usize::from(name) * 5 + 1];
            let (hash, new) = (u64::from(name), entry(i));
            let place = find(&leaf, hash, &key).unwrap();
            prop_assert_eq!(place.map(|p| p.1), model.get(&name).copied());
            match (place, what) {
                (None, 0 | 1) if add(&mut leaf, &Found { hash, key: &key, entry: new }).unwrap() => {
                    model.insert(name, new);
                }
                (Some((at, _)), 1) => {
                    set(&mut leaf, at, &new);
                    model.insert(name, new);
                }
                (Some((at, _)), 2) => {
                    remove(&mut leaf, at).unwrap();
                    model.remove(&name);
                }
                _ => {}
            }
            prop_assert_eq!(entries(&leaf).count(), model.len());
        }
    }

    #[test]
    fn no_bytes_panic(mut page in prop::collection::vec(any::<u8>(), ROOM), hash in any::<u64>(), head in any::<bool>()) {
        if head {
            page[1..8].fill(0);
            page[5] = 9;
        }
        let _ = (child(&page, hash), is_for(&page, hash), find(&page, hash, b"x"), Meta::read(&page));
        let _ = (children(&page), entries(&page).count(), lead(&mut page.clone(), 3, hash, 1));
        let new = Found { hash, key: b"x", entry: Entry::EMPTY };
        let _ = (add(&mut page.clone(), &new), split(&mut page.clone(), &mut vec![0; ROOM]));
    }
}
