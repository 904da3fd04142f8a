//! The points of an index under construction, by key.

use super::mapped_memory::MappedMemory;
use crate::engine::hnsw::threads;
use crate::pg::error::OrRaise;
use conifer_pure::Result;
use conifer_pure::hnsw::build::{
    Arena, Control, Folding, Graph, Groups, Heap, Members, Memory, Phase, Rooms, Stopped, build_arena_in,
};
use conifer_pure::hnsw::node::{Layout, Tid};
use conifer_pure::hnsw::pages::Key;
use conifer_pure::hnsw::params::Params;
use conifer_pure::hnsw::uncoded::Sizes;
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::{Reserve, collected, headroom, push, with_room};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Keys with fewer points are built many at a time, each by one thread.
const FEW: usize = 4096;
/// Points of such keys that are built together, if memory allows.
const TOGETHER: usize = 1 << 15;
/// Bytes that a point takes while its graph is built: for each word of its vector, and beside them. A key takes some as well.
const FOR_WORD: usize = 8;
const FOR_ROW: usize = 512;
const FOR_KEY: usize = 2048;

/// Points in memory: vectors, keys, and the TIDs of their rows.
pub struct Rows {
    tids: Vec<Tid>,
    kept: Kept,
    sizes: Sizes,
    memory: MappedMemory,
}

enum Kept {
    /// All points are of one graph: equal vectors become one node at once.
    One(Folding),
    /// Points have keys, and are divided by key when all are there.
    Keyed { arena: Arena, keys: HashMap<Key, u32>, key_of: Vec<u32> },
}

/// The graph of a key, to be written.
pub struct Built {
    /// The key, empty if there are no keys.
    pub key: Key,
    /// Vectors of the nodes.
    pub arena: Arena,
    /// The points of each node.
    pub members: Members,
    /// TIDs of the points.
    pub tids: Vec<Tid>,
    /// The edges.
    pub graph: Graph,
}

/// Reports the phase and progress of a build.
fn told(control: &Control, before: u64, report: &mut impl FnMut(Phase, u64)) {
    let (phase, done) = control.progress();
    report(phase, before + done);
}

impl Rows {
    /// No points yet.
    pub fn new(layout: &Layout, keyed: bool) -> Self {
        let arena = match layout.uncoded() {
            None => Arena::new(layout.metric(), layout.dim()),
            Some(uncoded) => Arena::uncoded(*uncoded),
        };
        let kept = if keyed {
            Kept::Keyed { arena, keys: HashMap::new(), key_of: vec![] }
        } else {
            Kept::One(Folding::new(arena))
        };
        Self { tids: vec![], kept, sizes: Sizes::default(), memory: MappedMemory::new() }
    }

    /// Points so far.
    pub fn len(&self) -> usize {
        self.tids.len()
    }

    /// Nodes, if all points are in one graph; else points, of which there are at least as many.
    pub fn nodes(&self) -> usize {
        match &self.kept {
            Kept::One(folding) => folding.nodes(),
            Kept::Keyed { .. } => self.len(),
        }
    }

    /// Words of a node record that most uncoded values fit, where values differ in length.
    pub fn words(&self) -> usize {
        self.sizes.words()
    }

    /// Adds a point.
    ///
    /// # Errors
    /// Another number of dimensions, a zero vector under the cosine, too many points, or `53200`.
    pub fn push(&mut self, key: &Key, vector: &[f32], tid: Tid) -> Result<()> {
        self.sizes.add(vector.len());
        self.tids.room_for(1)?;
        self.memory.row();
        match &mut self.kept {
            Kept::One(folding) => {
                folding.push_in(vector, &mut self.memory)?;
            }
            Kept::Keyed { arena, keys, key_of } => {
                arena.push_in(vector, &mut self.memory)?;
                let number = match keys.get(key) {
                    Some(number) => *number,
                    None => {
                        let next = keys.len() as u32;
                        keys.room_for(1)?;
                        keys.insert(key.clone(), next);
                        next
                    }
                };
                push(key_of, number)?;
            }
        }
        self.tids.push(tid);
        allocation::check()
    }

    /// Builds the graph of each key and gives it to `take`, with memory for its pages. Calls `report` from time to time, with
    /// the points that a phase is done with, those of earlier keys included.
    ///
    /// Returns the memory that was used. Raises if the build is cancelled or fails.
    pub fn graphs(
        self,
        params: &Params,
        pool: &rayon::ThreadPool,
        control: &Control,
        mut report: impl FnMut(Phase, u64),
        mut take: impl FnMut(Built, &mut dyn Memory),
    ) -> MappedMemory {
        let Self { tids, kept, sizes, mut memory } = self;
        let built = |key: Key, (arena, members): (Arena, Members), tids: Vec<Tid>, rooms: Rooms| {
            let graph = build_arena_in(&arena, params, pool, control, Some(rooms))?;
            Ok::<_, Stopped>(Built { key, arena, members, tids, graph })
        };
        // Points of the keys whose graphs are built.
        let mut before = 0;
        let begin = |before: u64, report: &mut dyn FnMut(Phase, u64)| {
            control.enter(Phase::Insert);
            report(Phase::Insert, before);
        };
        match kept {
            Kept::One(folding) => {
                begin(before, &mut report);
                let folded = folding.finish().or_raise();
                let rooms = Rooms::new(&folded.0, params, &mut memory).or_raise();
                let work = || built(Key::new(), folded, tids, rooms);
                let report = || told(control, before, &mut report);
                let built = threads::wait(pool, control, report, work);
                take(built.unwrap_or_else(|why| threads::stopped(why)), &mut memory);
            }
            Kept::Keyed { arena, keys, key_of } => {
                let groups = Groups::of(&key_of, keys.len()).or_raise();
                drop(key_of);
                let tids_of = |rows: &[u32]| collected(rows.iter().map(|row| tids[*row as usize]));
                let row_bytes = FOR_ROW + FOR_WORD * sizes.words();
                let together = (memory.left() / row_bytes).clamp(1, TOGETHER);
                let (mut many, mut few) = (vec![], with_room(keys.len()).or_raise());
                for (key, number) in keys {
                    let small = groups.rows(number).len() < FEW.min(together);
                    let list = if small { &mut few } else { &mut many };
                    push(list, (number, key)).or_raise();
                }
                // An index that is built twice is the same.
                many.sort_unstable();
                few.sort_unstable();
                for (number, key) in many {
                    let rows = groups.rows(number);
                    begin(before, &mut report);
                    let mut folding = Folding::new(Arena::like(&arena, rows.len()));
                    for row in rows {
                        pgrx::check_for_interrupts!();
                        folding.copy_in(arena.vector(*row), &mut memory).or_raise();
                    }
                    let folded = folding.finish().or_raise();
                    let rooms = Rooms::new(&folded.0, params, &mut memory).or_raise();
                    let work = || built(key, folded, tids_of(rows)?, rooms);
                    let report = || told(control, before, &mut report);
                    let built = threads::wait(pool, control, report, work);
                    before += rows.len() as u64;
                    take(built.unwrap_or_else(|why| threads::stopped(why)), &mut memory);
                }
                // Each of these builds counts its own points, so they are added when a build is done.
                let finished = AtomicU64::new(before);
                // Points of small keys that fit the heap at a time.
                let group = |(number, key): (u32, Key)| {
                    let rows = groups.rows(number);
                    let mut folding = Folding::new(Arena::like(&arena, rows.len()));
                    let found = rows.iter().try_for_each(|row| folding.copy(arena.vector(*row)).map(drop));
                    found?;
                    let folded = folding.finish()?;
                    let rooms = Rooms::new(&folded.0, params, &mut Heap)?;
                    let built = built(key, folded, tids_of(rows)?, rooms)?;
                    finished.fetch_add(rows.len() as u64, Relaxed);
                    allocation::check()?;
                    Ok::<_, Stopped>(built)
                };
                while !few.is_empty() {
                    let (mut from, mut bytes) = (few.len(), 0);
                    while let Some((number, _)) = few[..from].last() {
                        let more = FOR_KEY + groups.rows(*number).len() * row_bytes;
                        if bytes > 0 && bytes + more > together * row_bytes {
                            break;
                        }
                        (from, bytes) = (from - 1, bytes + more);
                    }
                    // The allocations of these builds are many and small.
                    headroom(bytes).or_raise();
                    let mut some = with_room(few.len() - from).or_raise();
                    some.extend(few.drain(from..));
                    let mut made = with_room(some.len()).or_raise();
                    made.resize_with(some.len(), || None);
                    let work = || {
                        let each = |(of, made): (_, &mut Option<Built>)| {
                            *made = Some(group(of)?);
                            Ok::<_, Stopped>(())
                        };
                        pool.install(|| some.into_par_iter().zip(&mut made).try_for_each(each))?;
                        Ok::<_, Stopped>(made)
                    };
                    let mut report = || report(Phase::Insert, finished.load(Relaxed));
                    report();
                    let built = threads::wait(pool, control, &mut report, work);
                    report();
                    for built in built.unwrap_or_else(|why| threads::stopped(why)).into_iter().flatten() {
                        take(built, &mut Heap);
                    }
                }
            }
        }
        memory
    }
}
