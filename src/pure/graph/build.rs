//! The construction, batch by batch.

use super::beam::{Beam, Candidate, Inside};
use super::control::{Control, Phase};
use super::links::Links;
use super::prune::select;
use super::result::Graph;
use super::rows::Space;
use super::{Fill, Params, Refine, Stopped, fill, repair};
use rayon::prelude::*;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// Largest batch.
const BATCH: usize = 1024;
/// Highest level.
const MAX_LEVEL: f64 = 15.0;

/// Builds the graph of a space on the threads of a pool.
pub fn build(
    space: &impl Space,
    params: &Params,
    pool: &rayon::ThreadPool,
    control: &Control,
) -> Result<Graph, Stopped> {
    let run = || pool.install(|| Builder::new(space, params, control).run());
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
        Err(Stopped::Panicked(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()))
    })
}

pub(super) struct Builder<'a, S> {
    pub(super) space: &'a S,
    pub(super) params: &'a Params,
    pub(super) control: &'a Control,
    pub(super) links: Links,
    order: Vec<u32>,
    scratch: Mutex<Vec<Scratch>>,
}

/// What a worker needs for itself.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) beam: Beam,
    pub(super) chosen: Vec<Candidate>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) around: Vec<(Candidate, u8)>,
}

/// A scratch on loan from the builder.
pub(super) struct Loan<'a>(&'a Mutex<Vec<Scratch>>, Scratch);

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
        if let Ok(mut pool) = self.0.lock() {
            pool.push(std::mem::take(&mut self.1));
        }
    }
}

/// The edges chosen for a node on a level.
struct Plan {
    node: u32,
    level: u8,
    edges: Vec<Candidate>,
}

/// An edge from `to`, back to a node that has chosen it.
struct Back {
    level: u8,
    to: u32,
    from: Candidate,
}

fn mix(seed: u64, node: usize) -> u64 {
    let mut x = seed.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ (node as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for shift in [30, 27] {
        x = (x ^ x >> shift).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    x ^ x >> 31
}

impl<'a, S: Space> Builder<'a, S> {
    fn new(space: &'a S, params: &'a Params, control: &'a Control) -> Self {
        let scale = 1.0 / (params.m.max(2) as f64).ln();
        let levels: Vec<u8> = (0..space.len())
            .map(|i| {
                let uniform = ((mix(params.seed, i) >> 11) + 1) as f64 / (1u64 << 53) as f64;
                (-uniform.ln() * scale).min(MAX_LEVEL) as u8
            })
            .collect();
        let mut order: Vec<u32> = (0..space.len() as u32).collect();
        order.sort_unstable_by_key(|i| (255 - levels[*i as usize], mix(params.seed ^ 0x5eed, *i as usize)));
        let links = Links::new(levels, params.lanes, params.m);
        Self { space, params, control, links, order, scratch: Mutex::default() }
    }

    pub(super) fn scratch(&self) -> Loan<'_> {
        let scratch = self.scratch.lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_default();
        Loan(&self.scratch, scratch)
    }

    pub(super) fn check(&self) -> Result<(), Stopped> {
        if self.control.is_cancelled() { Err(Stopped::Cancelled) } else { Ok(()) }
    }

    fn run(mut self) -> Result<Graph, Stopped> {
        let t=std::time::Instant::now();
        let order = std::mem::take(&mut self.order);
        self.control.enter(Phase::Insert);
        let mut done = order.len().min(1);
        while done < order.len() {
            let batch = (done / self.params.batch_div).clamp(1, BATCH).min(order.len() - done);
            self.insert(&order[done..done + batch], |builder, node, scratch| builder.plan(order[0], node, scratch))?;
            done += batch;
        }
        if std::env::var("V").is_ok() { eprintln!("insert {:?}", t.elapsed()); }
        match self.params.refine {
            Refine::None => {}
            Refine::Search{ef} => for batch in order.chunks(BATCH) {
                self.insert(batch, |builder, node, scratch| builder.search_again(node, ef, scratch))?;
            }
            Refine::Hops{pool} => for batch in order.chunks(BATCH) {
                self.insert(batch, |builder, node, scratch| builder.look_around(node, pool, scratch))?;
            }
        }
        if std::env::var("V").is_ok() { eprintln!("refine {:?} deg {}", t.elapsed(), (0..order.len() as u32).map(|i|self.links.list(i,0).len()).sum::<usize>() as f64/order.len() as f64); }
        self.control.enter(Phase::Fill);
        if self.params.fill != Fill::None {
            order.par_iter().with_max_len(64).try_for_each_init(
                || self.scratch(),
                |scratch, node| {
                    fill::fill(&self, *node, scratch);
                    self.control.advance();
                    self.check()
                },
            )?;
        }
        if std::env::var("V").is_ok() { eprintln!("fill {:?}", t.elapsed()); }
        self.control.enter(Phase::Repair);
        let mut graph = Graph::new(self.links, order.first().copied(), self.params);
        repair::repair(self.space, &mut graph, self.params, self.control)?;
        if std::env::var("V").is_ok() { eprintln!("repair {:?}", t.elapsed()); }
        Ok(graph)
    }

    /// Plans a batch on the graph as it is, then links it.
    fn insert(
        &self,
        batch: &[u32],
        plan: impl Fn(&Self, u32, &mut Scratch) -> Vec<Plan> + Sync,
    ) -> Result<(), Stopped> {
        let plans: Vec<Vec<Plan>> = batch
            .par_iter()
            .with_max_len(4)
            .map_init(
                || self.scratch(),
                |scratch, node| {
                    self.check()?;
                    let plan = plan(self, *node, scratch);
                    self.control.advance();
                    Ok(plan)
                },
            )
            .collect::<Result<_, _>>()?;
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
        let groups: Vec<&[Back]> = back.chunk_by(|a, b| (a.level, a.to) == (b.level, b.to)).collect();
        groups.par_iter().with_min_len(16).for_each_init(|| self.scratch(), |scratch, group| self.link_back(group, scratch));
        self.check()
    }

    /// Chooses the edges of a new node on each of its levels.
    fn plan(&self, entry: u32, node: u32, scratch: &mut Scratch) -> Vec<Plan> {
        let Scratch { beam, chosen, candidates, around: _ } = scratch;
        let top = self.links.levels[entry as usize];
        let own = self.links.levels[node as usize];
        let target = Inside(self.space, node);
        let start = beam.descend(&self.links, &target, entry, top, own);
        candidates.clear();
        candidates.push(start);
        (0..=own.min(top)).rev().map(|level| {
            let found = beam.search(&self.links, &target, candidates, self.params.ef_construction, level);
            candidates.clear();
            candidates.extend_from_slice(found);
            let width = self.links.list(node, level).width();
            select(self.space, candidates, width, self.params.full_lists && level == 0 || level > 0, chosen);
            Plan { node, level, edges: chosen.clone() }
        }).collect()
    }

    fn search_again(&self, node: u32, ef: usize, scratch: &mut Scratch) -> Vec<Plan> {
        let Scratch { beam, chosen, candidates, around: _ } = scratch;
        let target = Inside(self.space, node);
        let start = [Candidate { node, distance: 0.0 }];
        let found = beam.search(&self.links, &target, &start, ef, 0);
        candidates.clear();
        candidates.extend(found.iter().filter(|c| c.node != node));
        self.with_own(node, candidates);
        select(self.space, candidates, self.links.list(node, 0).width(), self.params.full_lists, chosen);
        vec![Plan { node, level: 0, edges: chosen.clone() }]
    }

    fn look_around(&self, node: u32, pool: usize, scratch: &mut Scratch) -> Vec<Plan> {
        let Scratch { beam, chosen, candidates, around } = scratch;
        beam.around(&self.links, node, pool, &Inside(self.space, node), around);
        candidates.clear();
        candidates.extend(around.iter().map(|c| c.0));
        self.with_own(node, candidates);
        select(self.space, candidates, self.links.list(node, 0).width(), self.params.full_lists, chosen);
        vec![Plan { node, level: 0, edges: chosen.clone() }]
    }

    fn with_own(&self, node: u32, candidates: &mut Vec<Candidate>) {
        candidates.extend(self.links.list(node, 0).iter().map(|o| Candidate { node: o, distance: self.space.between(node, o) }));
        candidates.sort_unstable_by(Candidate::order);
        candidates.dedup_by_key(|c| c.node);
    }

    /// Adds back-links, which ascend, to a list; chooses anew if it is too short for them.
    fn link_back(&self, group: &[Back], scratch: &mut Scratch) {
        let Some(Back { level, to, .. }) = group.first() else { return };
        let list = self.links.list(*to, *level);
        let has = |node| list.iter().any(|other| other == node);
        let new = group.iter().map(|b| b.from).filter(|c| !has(c.node));
        let Scratch { chosen, candidates, .. } = scratch;
        candidates.clear();
        candidates.extend(new);
        if list.len() + candidates.len() <= list.width() {
            candidates.iter().for_each(|c| {
                list.push(c.node);
            });
            return;
        }
        candidates
            .extend(list.iter().map(|node| Candidate { node, distance: self.space.between(*to, node) }));
        candidates.sort_unstable_by(Candidate::order);
        select(self.space, candidates, list.width(), self.params.full_lists, chosen);
        list.set(chosen.iter().map(|c| c.node));
    }
}
