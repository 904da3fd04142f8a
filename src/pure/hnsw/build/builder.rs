//! The construction, batch by batch.

use super::adjacency::Links;
use super::beam::{Beam, Inside};
use super::byte_vectors::ByteVectors;
use super::control::{Control, Phase, Stopped};
use super::graph::Graph;
use super::memory::{Memory, Room, Words};
use super::points::Arena;
use super::reachability;
use crate::fault;
use crate::hnsw::edges::Candidate;
use crate::hnsw::edges::Space;
use crate::hnsw::edges::fill::angles;
use crate::hnsw::edges::prune::{select, split};
use crate::hnsw::level::level_for;
use crate::hnsw::params::{Fill, Lists, Params};
use crate::memory::allocation;
use crate::memory::allocation::{collected, headroom};
use rayon::prelude::*;
use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Maximum nodes of a batch: enough to keep threads busy, few enough that nodes miss little of each other.
const BATCH: usize = 1024;
/// A batch is at most this part of the nodes before it.
const PART: usize = 16;

/// Builds the graph of a space on the threads of a pool, whose owner decides their number, their signals and
/// their stacks. The calling thread only waits; a caller with other work meanwhile calls `build` from
/// another thread.
///
/// # Errors
/// [`Stopped::Cancelled`] soon after [`Control::cancel`]; [`Stopped::Panicked`] instead of a panic; [`Stopped::Refused`]
/// if there is no memory.
pub fn build(
    space: &impl Space,
    params: &Params,
    pool: &rayon::ThreadPool,
    control: &Control,
) -> Result<Graph, Stopped> {
    build_on(space, params, pool, control, None)
}

/// As [`build`], with the lists of level 0 in `slots`, if given.
fn build_on(
    space: &impl Space,
    params: &Params,
    pool: &rayon::ThreadPool,
    control: &Control,
    slots: Option<Words>,
) -> Result<Graph, Stopped> {
    let params = params.within_ranges();
    let base = match slots {
        Some(slots) => slots,
        None => Words::new(space.len() * params.slots)?,
    };
    guarded(pool, || run(space, &params, control, base))
}

/// As [`build`], on the arena's [`ByteVectors`] if they are fine enough: in half the time, for one more byte a
/// coordinate.
///
/// # Errors
/// As [`build`].
pub fn build_arena(
    arena: &Arena,
    params: &Params,
    pool: &rayon::ThreadPool,
    control: &Control,
) -> Result<Graph, Stopped> {
    build_arena_in(arena, params, pool, control, None)
}

/// Memory for the data that grows with the points of an arena and their dimensions.
#[derive(Debug)]
pub struct Rooms {
    byte_vectors: Room,
    slots: Words,
}

impl Rooms {
    /// The rooms for the graph of an arena.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(arena: &Arena, params: &Params, memory: &mut dyn Memory) -> fault::Result<Self> {
        let slots = arena.len() * params.within_ranges().slots;
        Ok(Self {
            byte_vectors: memory.room(ByteVectors::size(arena))?,
            slots: Words::new_in(slots, memory)?,
        })
    }
}

/// As [`build_arena`], in rooms that were made for it.
///
/// # Errors
/// As [`build`].
pub fn build_arena_in(
    arena: &Arena,
    params: &Params,
    pool: &rayon::ThreadPool,
    control: &Control,
    rooms: Option<Rooms>,
) -> Result<Graph, Stopped> {
    let (room, slots) = rooms.map(|rooms| (rooms.byte_vectors, rooms.slots)).unzip();
    let byte_vectors = || match room {
        Some(room) => ByteVectors::in_room(arena, room, control),
        None => ByteVectors::of(arena, control),
    };
    match guarded(pool, || Ok(byte_vectors()?))? {
        Some(byte_vectors) => build_on(&byte_vectors, params, pool, control, slots),
        None => build_on(arena, params, pool, control, slots),
    }
}

/// Runs a function on a pool and turns a panic of any of its threads into an error.
pub(crate) fn guarded<R: Send>(
    pool: &rayon::ThreadPool,
    run: impl FnOnce() -> Result<R, Stopped> + Send,
) -> Result<R, Stopped> {
    let text = |panic: Box<dyn Any + Send>| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("unknown panic").to_string(),
    };
    catch_unwind(AssertUnwindSafe(|| pool.install(run)))
        .unwrap_or_else(|panic| Err(Stopped::Panicked(text(panic))))
}

/// A construction under way.
pub(super) struct Builder<'a, S> {
    pub(super) space: &'a S,
    pub(super) params: &'a Params,
    pub(super) links: Links<'a>,
    control: &'a Control,
    /// All nodes in the order of insertion.
    order: Vec<u32>,
    idle: Mutex<Vec<Scratch>>,
}

/// The memory of one worker.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) beam: Beam,
    pub(super) chosen: Vec<Candidate>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) around: Vec<(Candidate, u8)>,
}

/// A [`Scratch`] on loan from the builder, returned when it is dropped.
struct Loan<'a>(&'a Mutex<Vec<Scratch>>, Scratch);

impl Deref for Loan<'_> {
    type Target = Scratch;
    fn deref(&self) -> &Scratch {
        &self.1
    }
}

impl DerefMut for Loan<'_> {
    fn deref_mut(&mut self) -> &mut Scratch {
        &mut self.1
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let scratch = std::mem::take(&mut self.1);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }
}

/// The edges chosen for a node on a level.
struct Plan {
    node: u32,
    level: u8,
    edges: Vec<Candidate>,
}

/// A back-link: an edge from `to` back to the node that has chosen `to`.
struct Back {
    level: u8,
    to: u32,
    from: Candidate,
}

/// A number that depends on seed and node alone and looks random.
fn mix(seed: u64, node: u32) -> u64 {
    let node = u64::from(node).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut x = seed.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ node;
    for shift in [30, 27] {
        x = (x ^ x >> shift).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    x ^ x >> 31
}

/// The highest level of each node.
fn levels(nodes: u32, params: &Params) -> fault::Result<Vec<u8>> {
    let level = |node| {
        // In (0, 1].
        let uniform = ((mix(params.seed, node) >> 11) + 1) as f64 / (1u64 << 53) as f64;
        level_for(uniform, params.step)
    };
    collected((0..nodes).map(level))
}

/// Builds a graph, its lists of level 0 in `base`.
fn run(space: &impl Space, params: &Params, control: &Control, mut base: Words) -> Result<Graph, Stopped> {
    let levels = levels(space.len() as u32, params)?;
    let mut order: Vec<u32> = collected(0..space.len() as u32)?;
    order
        .par_sort_unstable_by_key(|node| (u8::MAX - levels[*node as usize], mix(!params.seed, *node), *node));
    let entry = order.first().copied();
    let lists: usize = levels.iter().map(|level| usize::from(*level)).sum();
    let mut upper = Words::new(lists * params.m)?;
    let links = Links::new(levels, (params.slots, base.cells()), (params.m, upper.cells()))?;
    let idle = Mutex::new(idle(space.len())?);
    let builder = Builder { space, params, control, links, order, idle };
    let (levels, kept, first) = builder.run()?.into_parts()?;
    control.enter(Phase::Repair);
    let mut graph = Graph { entry, levels, slots: params.slots, m: params.m, base, kept, upper, first };
    reachability::repair(space, &mut graph, params.ef_construction, control)?;
    Ok(graph)
}

/// A scratch for each thread of the current pool, and one more: rayon may ask for another one while a thread waits.
fn idle(nodes: usize) -> fault::Result<Vec<Scratch>> {
    let mut idle = vec![];
    for _ in 0..rayon::current_num_threads() + 1 {
        let mut scratch = Scratch::default();
        scratch.beam.room_for(nodes)?;
        idle.push(scratch);
    }
    Ok(idle)
}

/// Nearest nodes two hops away that are considered for free edge slots.
const POOL: usize = 256;

/// Bytes of a batch beside its lists: memory of the threads, and of rayon.
const BESIDE: usize = 1 << 20;

impl<'a, S: Space> Builder<'a, S> {
    /// Checks that there is memory for the plans of `nodes` nodes, which are many small allocations.
    fn headroom(&self, nodes: usize) -> Result<(), Stopped> {
        // Each edge is in a plan and in a list of back-links, twice for the free part of a growing vector.
        let edges = nodes * self.params.slots.max(self.params.m);
        Ok(headroom(BESIDE + edges * 2 * (size_of::<Candidate>() + size_of::<Back>()))?)
    }

    fn scratch(&self) -> Loan<'_> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Loan(&self.idle, idle.unwrap_or_default())
    }

    fn check(&self) -> Result<(), Stopped> {
        allocation::check()?;
        if self.control.is_cancelled() { Err(Stopped::Cancelled) } else { Ok(()) }
    }

    fn run(self) -> Result<Links<'a>, Stopped> {
        self.control.enter(Phase::Insert);
        let entry = self.order.first().copied();
        let mut done = 1;
        while let (Some(entry), Some(rest)) = (entry, self.order.get(done..)) {
            if rest.is_empty() {
                break;
            }
            let batch = (done / PART).clamp(1, BATCH).min(rest.len());
            self.link(&rest[..batch], |node, scratch| self.plan(entry, node, scratch))?;
            done += batch;
        }
        if self.params.refine {
            self.control.enter(Phase::Refine);
            for batch in self.order.chunks(BATCH) {
                self.link(batch, |node, scratch| self.plan_again(node, scratch))?;
            }
        }
        if self.params.fill != Fill::None {
            self.control.enter(Phase::Fill);
            self.order.par_iter().with_max_len(64).try_for_each_init(
                || self.scratch(),
                |scratch, node| {
                    self.fill(*node, scratch);
                    self.control.advance();
                    self.check()
                },
            )?;
        }
        if self.params.lists == Lists::Full {
            self.control.enter(Phase::Fill);
            self.order.par_iter().with_max_len(64).try_for_each_init(
                || self.scratch(),
                |scratch, node| {
                    self.divide(*node, scratch);
                    self.control.advance();
                    self.check()
                },
            )?;
        }
        Ok(self.links)
    }

    /// Makes the plans of a batch on the graph as it is, then carries the plans out.
    fn link(
        &self,
        batch: &[u32],
        plan: impl Fn(u32, &mut Scratch) -> Vec<Plan> + Sync,
    ) -> Result<(), Stopped> {
        self.headroom(batch.len())?;
        let plan = |scratch: &mut Loan<'_>, node: &u32| {
            self.check()?;
            let plan = plan(*node, scratch);
            self.control.advance();
            Ok::<_, Stopped>(plan)
        };
        let plans = batch.par_iter().with_max_len(4).map_init(|| self.scratch(), plan);
        let plans: Vec<Vec<Plan>> = plans.collect::<Result<_, _>>()?;
        let mut back = Vec::new();
        for Plan { node, level, edges } in plans.iter().flatten() {
            self.links.list(*node, *level).set(edges.iter().map(|c| c.node));
            back.extend(edges.iter().map(|c| Back {
                level: *level,
                to: c.node,
                from: Candidate { node: *node, distance: c.distance },
            }));
        }
        back.sort_unstable_by(|a, b| (a.level, a.to).cmp(&(b.level, b.to)).then(a.from.order(&b.from)));
        let lists: Vec<&[Back]> = back.chunk_by(|a, b| (a.level, a.to) == (b.level, b.to)).collect();
        lists
            .par_iter()
            .with_min_len(16)
            .for_each_init(|| self.scratch(), |scratch, list| self.link_back(list, scratch));
        self.check()
    }

    /// Chooses the edges of a new node on each of its levels.
    fn plan(&self, entry: u32, node: u32, scratch: &mut Scratch) -> Vec<Plan> {
        let top = self.links.levels[entry as usize];
        let highest = self.links.levels[node as usize].min(top);
        let target = Inside(self.space, node);
        let start = scratch.beam.descend(&self.links, &target, entry, top, highest);
        scratch.candidates.clear();
        scratch.candidates.push(start);
        let mut plans = Vec::with_capacity(usize::from(highest) + 1);
        for level in (0..=highest).rev() {
            let Scratch { beam, candidates, .. } = scratch;
            let ef = self.params.ef_construction;
            let found = beam.search(&self.links, &target, candidates, ef, level);
            candidates.clear();
            candidates.extend_from_slice(found);
            plans.push(self.choose(node, level, scratch));
        }
        plans
    }

    /// Chooses the edges of a node on level 0 anew: among its edges and the nearest nodes of the whole graph.
    fn plan_again(&self, node: u32, scratch: &mut Scratch) -> Vec<Plan> {
        let Scratch { beam, candidates, .. } = scratch;
        let start = [Candidate { node, distance: 0.0 }];
        let found =
            beam.search(&self.links, &Inside(self.space, node), &start, self.params.ef_construction, 0);
        candidates.clear();
        candidates.extend(found.iter().filter(|c| c.node != node));
        candidates.extend(self.edges(node, 0));
        candidates.sort_unstable_by(Candidate::order);
        candidates.dedup_by_key(|c| c.node);
        vec![self.choose(node, 0, scratch)]
    }

    /// Chooses the edges of a node among the candidates in the scratch, which ascend.
    fn choose(&self, node: u32, level: u8, scratch: &mut Scratch) -> Plan {
        let Scratch { chosen, candidates, .. } = scratch;
        let width = self.links.list(node, level).width();
        select(self.space, candidates, width, self.params.min_edges(level), chosen);
        Plan { node, level, edges: chosen.clone() }
    }

    /// Writes the fill edges of a node into the edge slots behind its list.
    fn fill(&self, node: u32, scratch: &mut Scratch) {
        let space = self.space;
        let list = self.links.list(node, 0);
        let free = list.width() - list.len();
        if free == 0 {
            return;
        }
        let Scratch { beam, chosen, around, .. } = scratch;
        let pool = if self.params.fill == Fill::Angle { POOL.max(free) } else { free };
        beam.around(&self.links, node, pool, &Inside(space, node), around);
        if around.len() <= free {
            list.fill(around.iter().rev().map(|(c, _)| c.node));
            return;
        }
        chosen.clear();
        chosen
            .extend(list.iter().map(|other| Candidate { node: other, distance: space.between(node, other) }));
        let before = chosen.len();
        angles(space, around, before + free, chosen);
        // The edge chosen last, for want of a better one, stands in front and gives way first.
        list.fill(chosen[before..].iter().rev().map(|c| c.node));
    }

    /// Puts the edges that the pruning keeps in front of the edges that fill the list. Of these, the farthest come first,
    /// as they give way first.
    fn divide(&self, node: u32, scratch: &mut Scratch) {
        let list = self.links.list(node, 0);
        let Scratch { chosen, candidates, around, .. } = scratch;
        candidates.clear();
        candidates.extend(self.edges(node, 0));
        candidates.sort_unstable_by(Candidate::order);
        chosen.clear();
        around.clear();
        split(self.space, candidates, list.width(), chosen, around);
        list.set(chosen.iter().map(|c| c.node));
        list.fill(around.iter().rev().map(|(c, _)| c.node));
    }

    fn edges(&self, node: u32, level: u8) -> impl Iterator<Item = Candidate> {
        let distance = move |other| self.space.between(node, other);
        self.links.list(node, level).iter().map(move |node| Candidate { node, distance: distance(node) })
    }

    /// Adds back-links, which ascend, to the list of their node; chooses its edges anew if there is no room.
    fn link_back(&self, back: &[Back], scratch: &mut Scratch) {
        let Some(&Back { level, to, .. }) = back.first() else { return };
        let list = self.links.list(to, level);
        let Scratch { chosen, candidates, .. } = scratch;
        candidates.clear();
        candidates.extend(back.iter().map(|b| b.from).filter(|c| !list.iter().any(|other| other == c.node)));
        if list.len() + candidates.len() <= list.width() {
            candidates.iter().for_each(|c| list.push(c.node));
            return;
        }
        candidates.extend(self.edges(to, level));
        candidates.sort_unstable_by(Candidate::order);
        select(self.space, candidates, list.width(), self.params.min_edges(level), chosen);
        list.set(chosen.iter().map(|c| c.node));
    }
}
