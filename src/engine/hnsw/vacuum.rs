//! `VACUUM`: rows that are gone leave the index.
//!
//! 1. Every row that is gone is taken out; a node without rows is marked dead, then its blocks above level 0. From now
//!    on no scan returns them and no search gives them new edges.
//! 2. The gate is closed for a moment: whoever still inserts and has seen these nodes alive is done with it.
//! 3. Nodes whose parent goes get another one, lanes that lead to nodes that go get other edges. Whoever has lost one of
//!    these and is not found by a search any more gets a parent that is.
//! 4. What nobody needs any more is freed: the blocks above level 0 first, so that none of them ever leads down to
//!    another node.
//! 5. Graphs without rows disappear, behind the closed gate: the blocks above level 0, then the rest with the root.
//!
//! Each step can be cut off anywhere; the next vacuum finds the dead nodes and goes on.
#![allow(unsafe_code)]

use super::blocks::Blocks;
use super::buffer::{Index, Mode};
use super::chain;
use super::gate::{Gate, Mending};
use super::known::Known;
use super::log::{Held, MOST};
use super::page::{self, Kind};
use super::roots;
use super::scan::SMALL;
use super::upper;
use crate::raise::OrRaise;
use conifer_pure::Result;
use conifer_pure::block::{BlockMut, BlockRef, HEADER, Header, Layout, NONE, Root, State, Tid, corrupted};
use conifer_pure::index::{Entry, Key, MANY};
use conifer_pure::insert::{Inserter, Verdict};
use conifer_pure::mend::{Adoption, Astray, Mender};
use conifer_pure::search::Pages;
use pgrx::prelude::*;
use std::collections::{HashMap, HashSet};
use std::ffi::c_void;
use std::rc::Rc;

/// Takes rows out of an index.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambulkdelete(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
    callback: pg_sys::IndexBulkDeleteCallback,
    state: *mut c_void,
) -> *mut pg_sys::IndexBulkDeleteResult {
    // SAFETY: the server gives an open index and a function to ask.
    unsafe {
        let stats =
            if stats.is_null() { PgBox::<pg_sys::IndexBulkDeleteResult>::alloc0().into_pg() } else { stats };
        let mut gone = |tid: Tid| {
            let mut item = pg_sys::ItemPointerData::default();
            pgrx::itemptr::item_pointer_set_all(&mut item, tid.block, tid.offset);
            callback.is_some_and(|callback| pg_sys::ffi::pg_guard_ffi_boundary(|| callback(&mut item, state)))
        };
        let mut vacuum = Vacuum::new(Index((*info).index), (*info).strategy);
        vacuum.run(&mut gone).or_raise();
        (*stats).num_index_tuples = vacuum.left as f64;
        (*stats).tuples_removed += vacuum.removed as f64;
        (*stats).estimated_count = false;
        (*stats).pages_free = vacuum.free.len() as u32;
        stats
    }
}

/// Ends a vacuum.
#[pg_guard]
pub unsafe extern "C-unwind" fn amvacuumcleanup(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
) -> *mut pg_sys::IndexBulkDeleteResult {
    // SAFETY: the server gives an open index and its own or our statistics.
    unsafe {
        if !(*info).analyze_only && !stats.is_null() {
            (*stats).num_pages = Index((*info).index).pages();
            pg_sys::IndexFreeSpaceMapVacuum((*info).index);
        }
        stats
    }
}

/// Lets other work go first, as the settings want it.
fn pause() {
    // SAFETY: nothing is locked here.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::vacuum_delay_point();
        #[cfg(feature = "pg18")]
        pg_sys::vacuum_delay_point(false);
    }
}

/// A set of numbers below a bound.
struct Numbers(Vec<u64>);

impl Numbers {
    fn has(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 != 0)
    }

    fn add(&mut self, number: u32) {
        let at = number as usize / 64;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (number % 64);
    }

    fn all(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.0).flat_map(|(at, word)| {
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| at * 64 + bit)
        })
    }
}

/// A block above level 0.
#[derive(Clone, Copy)]
struct Upper {
    number: u32,
    version: u16,
    down: u32,
    dead: bool,
}

struct Vacuum {
    index: Index,
    known: Rc<Known>,
    strategy: pg_sys::BufferAccessStrategy,
    blocks: Blocks,
    /// Dead nodes, by number and graph.
    dead: Vec<(u32, u32)>,
    uppers: Vec<Upper>,
    /// Living nodes of each graph.
    alive: HashMap<u32, u64>,
    /// Pages with room.
    free: HashSet<u32>,
    left: u64,
    removed: u64,
}

impl Vacuum {
    fn new(index: Index, strategy: pg_sys::BufferAccessStrategy) -> Self {
        let known = Known::of(index);
        Self {
            blocks: Blocks::new(index, known.meta.layout),
            index,
            known,
            strategy,
            dead: vec![],
            uppers: vec![],
            alive: HashMap::new(),
            free: HashSet::new(),
            left: 0,
            removed: 0,
        }
    }

    fn layout(&self) -> &Layout {
        &self.known.meta.layout
    }

    fn run(&mut self, gone: &mut impl FnMut(Tid) -> bool) -> Result<()> {
        self.mark(gone)?;
        if !self.dead.is_empty() {
            self.kill_uppers()?;
            let mending = Mending::start(self.index);
            drop(Gate::close(self.index));
            let roots = roots::all(self.index, &self.known)?;
            let retained = self.retained(&roots);
            let mut doomed = Numbers(vec![]);
            let dead = self.dead.iter().filter(|(number, _)| !retained.contains(number));
            dead.for_each(|(number, _)| doomed.add(*number));
            let uppers = self.doom(&mut doomed);
            let by_graph: HashMap<u32, Root> =
                roots.iter().filter_map(|(_, entry)| Some((entry.root?.graph, entry.root?))).collect();
            self.mend(&by_graph, &doomed)?;
            // Nothing leads to the doomed any more.
            drop(mending);
            self.release(&uppers, &doomed, &roots)?;
            self.dissolve(&roots)?;
        }
        for page in &self.free {
            // SAFETY: the relation is open.
            unsafe { pg_sys::RecordFreeIndexPage(self.index.0, *page) }
        }
        Ok(())
    }

    /// The headers of the blocks on a page; none if it holds no blocks.
    fn headers(&self, page: u32) -> Result<Vec<(u32, Header)>> {
        let layout = self.layout();
        let held = self.index.read(page, Mode::Share, self.strategy);
        let kind = page::kind(held.bytes())?;
        // Where a new page is the first one of a block on several, nobody knows.
        if kind != Kind::Blocks && (kind != Kind::New || layout.unit_pages() > 1) {
            return Ok(vec![]);
        }
        let room = page::room(held.bytes());
        let mut all = vec![];
        for slot in 0..layout.per_page() as u32 {
            let number = layout.first_on(page) + slot;
            let bytes =
                room.get(layout.place(number)?.offset..).and_then(|bytes| bytes.first_chunk::<HEADER>());
            if let Some(bytes) = bytes {
                all.push((number, Header::read(bytes, layout.lanes())?));
            }
        }
        Ok(all)
    }

    /// Takes rows out and marks nodes without rows as dead.
    fn mark(&mut self, gone: &mut impl FnMut(Tid) -> bool) -> Result<()> {
        let mut page = super::known::META + 1;
        while page < self.index.pages() {
            pause();
            let mut dying = vec![];
            let headers = self.headers(page)?;
            if headers.iter().any(|(_, header)| header.state == State::Free) {
                self.free.insert(page);
            }
            for (number, header) in headers {
                match header.state {
                    State::Live | State::Dead if header.level > 0 => {
                        let Header { version, down, .. } = header;
                        self.uppers.push(Upper { number, version, down, dead: header.state == State::Dead });
                    }
                    State::Dead => self.dead.push((number, header.graph)),
                    State::Live if header.chain == NONE && header.tid.is_some() => {
                        if gone(header.tid) {
                            dying.push((number, header));
                        } else {
                            self.left += 1;
                            *self.alive.entry(header.graph).or_default() += 1;
                        }
                    }
                    State::Live => self.rows(number, &header, gone)?,
                    State::Free | State::Chain => {}
                }
            }
            self.kill(&dying, gone)?;
            page += 1;
        }
        Ok(())
    }

    /// Marks the nodes of a page as dead whose only row is gone.
    fn kill(&mut self, dying: &[(u32, Header)], gone: &mut impl FnMut(Tid) -> bool) -> Result<()> {
        if dying.is_empty() {
            return Ok(());
        }
        let known = self.known.clone();
        let layout = &known.meta.layout;
        let numbers: Vec<u32> = dying.iter().map(|(number, _)| *number).collect();
        let mut joined = vec![];
        let mut change = Held::lock(self.index, layout, &numbers)?.change();
        for (number, header) in dying {
            let bytes = change.block(*number)?;
            let now = *BlockRef::new(layout, bytes)?.header();
            if now.chain != header.chain {
                // Another row has joined it.
                joined.push((*number, now));
                continue;
            }
            let mut block = BlockMut::new(layout, bytes)?;
            block.set_state(State::Dead);
            block.set_tid(Tid::default());
            self.removed += 1;
            self.dead.push((*number, header.graph));
        }
        change.finish()?;
        for (number, header) in joined {
            self.rows(number, &header, gone)?;
        }
        Ok(())
    }

    /// Marks the blocks above level 0 of dead nodes as dead.
    fn kill_uppers(&self) -> Result<()> {
        let layout = self.layout();
        let dead: HashSet<u32> = self.dead.iter().map(|(number, _)| *number).collect();
        let downs = self.downs();
        let dying = |upper: &&Upper| !upper.dead && dead.contains(&self.base(&downs, upper.number));
        let numbers: Vec<u32> = self.uppers.iter().filter(dying).map(|upper| upper.number).collect();
        let page_of = |number: &u32| *number / layout.per_page() as u32;
        for some in numbers.chunk_by(|a, b| page_of(a) == page_of(b)) {
            pause();
            let mut change = Held::lock(self.index, layout, some)?.change();
            for number in some {
                BlockMut::new(layout, change.block(*number)?)?.set_state(State::Dead);
            }
            change.finish()?;
        }
        Ok(())
    }

    /// Takes rows out of a node that has, or had, more than one.
    fn rows(&mut self, number: u32, header: &Header, gone: &mut impl FnMut(Tid) -> bool) -> Result<()> {
        let known = self.known.clone();
        let layout = &known.meta.layout;
        let swept = chain::sweep(self.index, layout, number, header, gone)?;
        self.left += swept.left;
        self.removed += swept.removed;
        for freed in &swept.freed {
            self.free.insert(layout.place(*freed)?.page);
        }
        if swept.left == 0 {
            self.dead.push((number, header.graph));
        } else {
            *self.alive.entry(header.graph).or_default() += 1;
        }
        Ok(())
    }

    /// The block on level 0 of a node.
    fn base(&self, downs: &HashMap<u32, u32>, mut number: u32) -> u32 {
        let mut steps = 0;
        while let Some(down) = downs.get(&number).filter(|_| steps < 32) {
            number = *down;
            steps += 1;
        }
        number
    }

    fn downs(&self) -> HashMap<u32, u32> {
        self.uppers.iter().map(|upper| (upper.number, upper.down)).collect()
    }

    /// Nodes that stay even if they are dead: where graphs are entered.
    fn retained(&self, roots: &[(Vec<u8>, Entry)]) -> HashSet<u32> {
        let downs = self.downs();
        let roots = roots.iter().filter_map(|(_, entry)| entry.root);
        roots.flat_map(|root| [root.origin, self.base(&downs, root.entry)]).collect()
    }

    /// Adds the blocks above level 0 of doomed nodes to them; returns those blocks.
    fn doom(&self, doomed: &mut Numbers) -> Vec<Upper> {
        let downs = self.downs();
        let theirs = |upper: &&Upper| doomed.has(self.base(&downs, upper.number));
        let uppers: Vec<Upper> = self.uppers.iter().filter(theirs).copied().collect();
        uppers.iter().for_each(|upper| doomed.add(upper.number));
        uppers
    }

    /// Gives new parents and edges to those that need them.
    fn mend(&mut self, roots: &HashMap<u32, Root>, doomed: &Numbers) -> Result<()> {
        let known = self.known.clone();
        let layout = &known.meta.layout;
        let doomed = |number: u32| doomed.has(number);
        let mut adoption = Adoption::new(*layout);
        let mut holes = vec![];
        let mut lost = Numbers(vec![]);
        let mut page = super::known::META + 1;
        while page < self.index.pages() {
            pause();
            let mut orphaned = vec![];
            for (number, header) in self.headers(page)? {
                let node = matches!(header.state, State::Live | State::Dead);
                if !node {
                    continue;
                }
                let neighbours = self.blocks.read(number, |bytes| -> Result<Vec<u32>> {
                    Ok(BlockRef::new(layout, bytes)?.neighbours().map(|(_, other)| other).collect())
                })??;
                if doomed(number) {
                    if header.level == 0 {
                        neighbours.iter().filter(|other| !doomed(**other)).for_each(|other| lost.add(*other));
                    }
                    continue;
                }
                if header.level == 0 && header.down != NONE && doomed(header.down) {
                    orphaned.push(number);
                    lost.add(number);
                }
                if neighbours.into_iter().any(doomed) {
                    holes.push((number, header.graph));
                    if header.level == 0 {
                        lost.add(number);
                    }
                }
            }
            for number in orphaned {
                if !self.adopt(&mut adoption, number, &doomed)? {
                    return Err(corrupted(format_args!("block {number} has no way to the origin")));
                }
            }
            page += 1;
        }
        let mut mender = Mender::new(*layout, &known.meta.params());
        for (number, graph) in holes {
            pause();
            if let Some(root) = roots.get(&graph)
                && mender.find(&mut self.blocks, *root, number, &doomed)?
            {
                let mut change = Held::lock(self.index, layout, &[number])?.change();
                if mender.rewrite(change.block(number)?, &doomed)? {
                    change.finish()?;
                    self.link(&mut mender, &doomed)?;
                }
            }
        }
        let mut astray = Astray::new(*layout);
        let mut inserter = Inserter::new(*layout, &known.meta.params());
        let raised: HashSet<u32> = self.uppers.iter().map(|upper| upper.down).collect();
        for number in lost.all() {
            pause();
            let graph = self.blocks.read(number, |bytes| -> Result<u32> {
                Ok(BlockRef::new(layout, bytes)?.header().graph)
            })??;
            // All nodes of a small graph are looked at anyway.
            let large = self.alive.get(&graph).is_some_and(|count| *count > u64::from(SMALL));
            let Some(root) = roots.get(&graph).filter(|_| large) else { continue };
            let mut is_astray = astray.is(&mut self.blocks, *root, number)?;
            if is_astray && root.level > 0 && !raised.contains(&number) {
                inserter.start_stored(astray.vector());
                upper::raise(self.index, layout, &mut inserter, &mut self.blocks, *root, number)?;
                is_astray = astray.is(&mut self.blocks, *root, number)?;
            }
            if is_astray {
                self.hang(&mut adoption, number, astray.ends(), &doomed)?;
            }
        }
        Ok(())
    }

    /// Gives a node another parent, one of those, if one of them can be it.
    fn hang(
        &mut self,
        adoption: &mut Adoption,
        number: u32,
        ends: &[(f32, u32)],
        doomed: &impl Fn(u32) -> bool,
    ) -> Result<()> {
        let known = self.known.clone();
        let layout = &known.meta.layout;
        let old = self.blocks.read(number, |bytes| adoption.start_again(number, bytes, ends))??;
        // Three blocks are changed at once.
        let Some(old) = old.filter(|_| 3 * layout.unit_pages() <= MOST) else { return Ok(()) };
        while let Some(parent) = adoption.next(&mut self.blocks, doomed)? {
            let held = Held::lock(self.index, layout, &[number, parent.to.number, old])?;
            if !adoption.is_there(held.block(number)?)? {
                return Ok(());
            }
            if let Verdict::Change(edge) = adoption.adopt(held.block(parent.to.number)?, &parent)? {
                let mut change = held.change();
                adoption.apply(&edge, change.block(parent.to.number)?)?;
                adoption.settle(&parent, change.block(number)?)?;
                adoption.let_go(change.block(old)?)?;
                return change.finish();
            }
        }
        Ok(())
    }

    /// Gives the new edges of a mended block edges back.
    fn link(&self, mender: &mut Mender, doomed: &impl Fn(u32) -> bool) -> Result<()> {
        for edge in mender.edges().to_vec() {
            pause();
            let held = Held::lock(self.index, self.layout(), &[edge.to.number])?;
            if let Verdict::Change(new) = mender.link(held.block(edge.to.number)?, &edge, doomed)? {
                let mut change = held.change();
                mender.apply(&new, change.block(edge.to.number)?)?;
                change.finish()?;
            }
        }
        Ok(())
    }

    /// Finds a parent for a node whose parent goes. False if nobody can be it.
    fn adopt(&mut self, adoption: &mut Adoption, number: u32, doomed: &impl Fn(u32) -> bool) -> Result<bool> {
        let known = self.known.clone();
        let layout = &known.meta.layout;
        if !self.blocks.read(number, |bytes| adoption.start(number, bytes, doomed))?? {
            return Ok(true);
        }
        while let Some(parent) = adoption.next(&mut self.blocks, doomed)? {
            let held = Held::lock(self.index, layout, &[number, parent.to.number])?;
            if !adoption.is_there(held.block(number)?)? {
                return Ok(true);
            }
            if let Verdict::Change(edge) = adoption.adopt(held.block(parent.to.number)?, &parent)? {
                let mut change = held.change();
                adoption.apply(&edge, change.block(parent.to.number)?)?;
                adoption.settle(&parent, change.block(number)?)?;
                change.finish()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Frees the doomed.
    fn release(&mut self, uppers: &[Upper], doomed: &Numbers, roots: &[(Vec<u8>, Entry)]) -> Result<()> {
        let known = self.known.clone();
        let layout = &known.meta.layout;
        for upper in uppers {
            pause();
            let mut change = Held::lock(self.index, layout, &[upper.number])?.change();
            let bytes = change.block(upper.number)?;
            let header = *BlockRef::new(layout, bytes)?.header();
            let node = matches!(header.state, State::Live | State::Dead);
            if node && header.level > 0 && header.version == upper.version {
                BlockMut::new(layout, bytes)?.set_state(State::Free);
                change.finish()?;
                self.free.insert(layout.place(upper.number)?.page);
            }
        }
        let mut freed: HashMap<u32, u32> = HashMap::new();
        let mut dead: Vec<u32> =
            self.dead.iter().map(|(number, _)| *number).filter(|number| doomed.has(*number)).collect();
        dead.sort_unstable();
        dead.dedup();
        let page_of = |number: &u32| *number / layout.per_page() as u32;
        for some in dead.chunk_by(|a, b| page_of(a) == page_of(b)) {
            pause();
            let mut change = Held::lock(self.index, layout, some)?.change();
            for number in some {
                let bytes = change.block(*number)?;
                let header = *BlockRef::new(layout, bytes)?.header();
                if header.state == State::Dead {
                    BlockMut::new(layout, bytes)?.set_state(State::Free);
                    *freed.entry(header.graph).or_default() += 1;
                }
            }
            change.finish()?;
            self.free.extend(some.first().map(page_of));
        }
        for (key, entry) in roots.iter().filter(|(_, entry)| entry.nodes != MANY) {
            let Some(count) = entry.root.and_then(|root| freed.get(&root.graph)) else { continue };
            self.uncount(&Key::from(key.clone()), entry, *count)?;
        }
        Ok(())
    }

    /// Says that a graph has fewer nodes.
    fn uncount(&self, key: &Key, entry: &Entry, count: u32) -> Result<()> {
        let Some((page, at, now)) = roots::locked(self.index, &self.known, key)? else { return Ok(()) };
        let same = now.root.map(|root| root.graph) == entry.root.map(|root| root.graph);
        if same && now.nodes != MANY {
            let mut change = Held::lock(self.index, self.layout(), &[])?.change();
            roots::set(
                change.root(page),
                at,
                &Entry { nodes: now.nodes.saturating_sub(count).max(1), ..now },
            );
            change.finish()?;
        }
        Ok(())
    }

    /// Takes graphs without living nodes out of the index.
    fn dissolve(&mut self, roots: &[(Vec<u8>, Entry)]) -> Result<()> {
        let known = self.known.clone();
        let layout = &known.meta.layout;
        let downs = self.downs();
        let mut above: HashMap<u32, Vec<u32>> = HashMap::new();
        let dead: HashSet<u32> = self.dead.iter().map(|(number, _)| *number).collect();
        for upper in &self.uppers {
            let base = self.base(&downs, upper.number);
            if dead.contains(&base) {
                above.entry(base).or_default().push(upper.number);
            }
        }
        for (key, entry) in roots {
            let Some(root) = entry.root else { continue };
            if self.alive.contains_key(&root.graph) {
                continue;
            }
            pause();
            let key = Key::from(key.clone());
            let _gate = Gate::close(self.index);
            let Some((page, _, now)) = roots::locked(self.index, &known, &key)? else { continue };
            drop(page);
            // Someone has inserted since if the entry point is another one, or dead nodes have other children than
            // each other. From now on nobody does.
            let own = [root.origin, self.base(&downs, root.entry)];
            let mut empty = now.root == Some(root);
            for number in own {
                empty &= self.blocks.read(number, |bytes| -> Result<bool> {
                    let block = BlockRef::new(layout, bytes)?;
                    let alone = block.children().all(|child| own.contains(&child));
                    Ok(alone && block.header().state == State::Dead && block.header().graph == root.graph)
                })??;
            }
            if empty {
                self.remove(&key, root, own, &downs, &above)?;
            }
        }
        Ok(())
    }
    /// Takes a graph out whose last nodes are those two, which may be one. Wherever that is cut off, the next vacuum
    /// finds a graph.
    fn remove(
        &mut self,
        key: &Key,
        root: Root,
        own: [u32; 2],
        downs: &HashMap<u32, u32>,
        above: &HashMap<u32, Vec<u32>>,
    ) -> Result<()> {
        let known = self.known.clone();
        let layout = &known.meta.layout;
        let mut path = vec![root.entry];
        path.extend(std::iter::successors(downs.get(&root.entry), |number| downs.get(number)));
        let mut uppers: Vec<u32> =
            own.iter().filter_map(|number| above.get(number)).flatten().copied().collect();
        uppers.sort_unstable();
        uppers.dedup();
        for number in uppers.iter().filter(|number| !path.contains(number)) {
            let mut change = Held::lock(self.index, layout, &[*number])?.change();
            BlockMut::new(layout, change.block(*number)?)?.set_state(State::Free);
            change.finish()?;
        }
        // The entry point goes down, until it is one of the two.
        for step in path.windows(2) {
            let Some((page, at, now)) = roots::locked(self.index, &known, key)? else { return Ok(()) };
            let Some(root) = now.root else { return Ok(()) };
            let mut change = Held::lock(self.index, layout, &step[..1])?.change();
            BlockMut::new(layout, change.block(step[0])?)?.set_state(State::Free);
            let lower = Root { entry: step[1], level: root.level.saturating_sub(1), ..root };
            roots::set(change.root(page), at, &Entry { root: Some(lower), ..now });
            change.finish()?;
        }
        let Some((page, at, _)) = roots::locked(self.index, &known, key)? else { return Ok(()) };
        let mut change = Held::lock(self.index, layout, &own)?.change();
        for number in own {
            BlockMut::new(layout, change.block(number)?)?.set_state(State::Free);
        }
        roots::remove(change.root(page), at)?;
        change.finish()?;
        for number in uppers.iter().chain(&own) {
            self.free.insert(layout.place(*number)?.page);
        }
        Ok(())
    }
}
