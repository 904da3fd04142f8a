//! pgvector's settings `hnsw.*` and `ivfflat.*`, and `hnsw.filter_cache_mem`.
#![allow(unsafe_code)]

use super::shared_guc::Setting;
use conifer_pure::hnsw::search::Lists;
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use std::cell::Cell;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a scan does when its first rows are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum IterativeScan {
    /// The scan ends.
    #[name = c"off"]
    Off,
    /// The scan goes on, roughly in order.
    #[name = c"relaxed_order"]
    Relaxed,
    /// The scan goes on in order, and leaves out rows that would have come before.
    #[name = c"strict_order"]
    Strict,
}

impl FromStr for IterativeScan {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "off" => Ok(Self::Off),
            "relaxed_order" => Ok(Self::Relaxed),
            "strict_order" => Ok(Self::Strict),
            _ => Err(()),
        }
    }
}

/// The same for `ivfflat`, with pgvector's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum MoreProbes {
    #[name = c"off"]
    Off,
    #[name = c"relaxed_order"]
    Relaxed,
}

impl FromStr for MoreProbes {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "off" => Ok(Self::Off),
            "relaxed_order" => Ok(Self::Relaxed),
            _ => Err(()),
        }
    }
}

static EF_SEARCH: Setting<i32> = Setting::new(c"hnsw.ef_search", GucSetting::<i32>::new(40));
static ITERATIVE_SCAN: Setting<IterativeScan> =
    Setting::new(c"hnsw.iterative_scan", GucSetting::<IterativeScan>::new(IterativeScan::Off));
static MAX_SCAN_TUPLES: Setting<i32> = Setting::new(c"hnsw.max_scan_tuples", GucSetting::<i32>::new(20_000));
static SCAN_MEM_MULTIPLIER: Setting<f64> =
    Setting::new(c"hnsw.scan_mem_multiplier", GucSetting::<f64>::new(1.0));
static FILTER_CACHE_MEM: Setting<i32> =
    Setting::new(c"hnsw.filter_cache_mem", GucSetting::<i32>::new(16_384));
static PROBES: Setting<i32> = Setting::new(c"ivfflat.probes", GucSetting::<i32>::new(1));
static MORE_PROBES: Setting<MoreProbes> =
    Setting::new(c"ivfflat.iterative_scan", GucSetting::<MoreProbes>::new(MoreProbes::Off));
static MAX_PROBES: Setting<i32> = Setting::new(c"ivfflat.max_probes", GucSetting::<i32>::new(32_768));

thread_local! {
    static WANTED: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Calls `run`, whose scans give at least `rows` rows if there are as many, whatever the settings are.
pub fn wanting<R>(rows: usize, run: impl FnOnce() -> R) -> R {
    struct Reset(Option<usize>);
    impl Drop for Reset {
        fn drop(&mut self) {
            WANTED.set(self.0);
        }
    }
    let _reset = Reset(WANTED.replace(Some(rows)));
    run()
}

/// The settings of a scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// `hnsw.ef_search`; none: the scan looks at all rows.
    pub ef_search: Option<usize>,
    /// Rows that are wanted, if that is known.
    pub rows: Option<usize>,
    /// `hnsw.iterative_scan`
    pub iterative_scan: IterativeScan,
    /// `hnsw.max_scan_tuples`
    pub max_scan_tuples: u64,
    /// Nodes after which a scan of `ivfflat` ends.
    pub max_nodes: u64,
    /// `hnsw.scan_mem_multiplier` times `work_mem`, in bytes.
    pub memory: usize,
}

/// Whether the settings are defined, by this library or another.
pub fn are_there() -> bool {
    EF_SEARCH.is_there()
}

/// Defines the settings, once a process.
pub fn define() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Relaxed) {
        define_all();
    }
}

/// As of `work_mem`, on all but small machines.
const MAX_KILOBYTES: i32 = i32::MAX;

fn define_all() {
    let (context, flags) = (|| GucContext::Userset, GucFlags::default);
    EF_SEARCH.define(|name, value| {
        let text = c"Sets the size of the dynamic candidate list for search";
        let range = c"Valid range is 1..1000.";
        GucRegistry::define_int_guc(name, text, range, value, 1, 1000, context(), flags());
    });
    let mode = c"Sets the mode for iterative scans";
    ITERATIVE_SCAN.define(|name, value| {
        GucRegistry::define_enum_guc(name, mode, c"", value, context(), flags());
    });
    MAX_SCAN_TUPLES.define(|name, value| {
        let text = c"Sets the max number of tuples to visit for iterative scans";
        GucRegistry::define_int_guc(name, text, c"", value, 1, i32::MAX, context(), flags());
    });
    SCAN_MEM_MULTIPLIER.define(|name, value| {
        let text = c"Sets the multiple of work_mem to use for iterative scans";
        GucRegistry::define_float_guc(name, text, c"", value, 1.0, 1000.0, context(), flags());
    });
    FILTER_CACHE_MEM.define(|name, value| {
        let text = c"Sets the maximum memory in which a session keeps vectors that filtered scans have read";
        let zero = c"0 keeps none.";
        GucRegistry::define_int_guc(name, text, zero, value, 0, MAX_KILOBYTES, context(), GucFlags::UNIT_KB);
    });
    PROBES.define(|name, value| {
        let (text, range) = (c"Sets the number of probes", c"Valid range is 1..lists.");
        GucRegistry::define_int_guc(name, text, range, value, 1, 32_768, context(), flags());
    });
    MORE_PROBES.define(|name, value| {
        GucRegistry::define_enum_guc(name, mode, c"", value, context(), flags());
    });
    MAX_PROBES.define(|name, value| {
        let text = c"Sets the max number of probes for iterative scans";
        GucRegistry::define_int_guc(name, text, c"", value, 1, 32_768, context(), flags());
    });
    // SAFETY: the prefixes are known now, with all settings that begin with them.
    unsafe {
        pg_sys::MarkGUCPrefixReserved(c"hnsw".as_ptr());
        pg_sys::MarkGUCPrefixReserved(c"ivfflat".as_ptr());
    }
}

/// Memory that a search takes at most for each node it reads, in bytes: each node that its edges lead to is a candidate.
const BYTES: usize = 1024;

impl Settings {
    /// Settings for a scan of an index with about `rows` rows; `lists` is the option of an `ivfflat` index, else none.
    pub fn of(lists: Option<u32>, rows: usize) -> Self {
        let set = lists.map_or_else(Self::of_hnsw, |lists| Self::of_ivfflat(rows, lists));
        match WANTED.get() {
            Some(rows) => Self {
                rows: Some(rows),
                ef_search: set.ef_search.map(|ef| ef.max(rows)),
                iterative_scan: IterativeScan::Strict,
                max_scan_tuples: set.max_scan_tuples.max(4 * rows as u64),
                ..set
            },
            None => set,
        }
    }

    fn of_hnsw() -> Self {
        Self {
            ef_search: Some(EF_SEARCH.get() as usize),
            rows: None,
            iterative_scan: ITERATIVE_SCAN.get(),
            max_scan_tuples: MAX_SCAN_TUPLES.get() as u64,
            max_nodes: u64::MAX,
            memory: memory(),
        }
    }

    /// Lists give all their rows, in the order of distance; a search of a graph ends after its first batch, so it has to go on.
    fn of_ivfflat(rows: usize, lists: u32) -> Self {
        let probes = PROBES.get() as u32;
        let first = Lists::new(rows, lists, probes);
        let (iterative_scan, last) = match MORE_PROBES.get() {
            MoreProbes::Off => (IterativeScan::Strict, first),
            MoreProbes::Relaxed => {
                (IterativeScan::Relaxed, Lists::new(rows, lists, probes.max(MAX_PROBES.get() as u32)))
            }
        };
        let max_nodes = if last.rows >= rows { u64::MAX } else { last.rows as u64 };
        Self {
            ef_search: first.ef,
            rows: None,
            iterative_scan,
            max_scan_tuples: u64::MAX,
            max_nodes,
            // Probes ask for rows, whatever memory those take.
            memory: memory().max(first.rows.saturating_mul(BYTES)),
        }
    }
}

/// Bytes in which a session keeps vectors of all its indexes, and lists of matches in a part of as much.
pub fn filter_cache() -> usize {
    (FILTER_CACHE_MEM.get().max(0) as usize).saturating_mul(1024)
}

/// Bytes that an iterative scan may take.
fn memory() -> usize {
    // SAFETY: a variable of this process.
    let work_mem = unsafe { pg_sys::work_mem } as f64 * 1024.0;
    (SCAN_MEM_MULTIPLIER.get() * work_mem) as usize
}
