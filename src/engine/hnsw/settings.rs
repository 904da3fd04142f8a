//! The settings `hnsw.*`, pgvector's.
//!
//! pgvector's library may be loaded in the same process. Whoever comes first defines them, and the other reads
//! them by name.
#![allow(unsafe_code)]

use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use std::cell::Cell;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a scan does when its first rows are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum IterativeScan {
    /// It ends.
    #[name = c"off"]
    Off,
    /// It goes on, roughly in order.
    #[name = c"relaxed_order"]
    Relaxed,
    /// It goes on in order, and leaves out what would have come before.
    #[name = c"strict_order"]
    Strict,
}

static EF_SEARCH: GucSetting<i32> = GucSetting::<i32>::new(40);
static ITERATIVE_SCAN: GucSetting<IterativeScan> = GucSetting::<IterativeScan>::new(IterativeScan::Off);
static MAX_SCAN_TUPLES: GucSetting<i32> = GucSetting::<i32>::new(20_000);
static SCAN_MEM_MULTIPLIER: GucSetting<f64> = GucSetting::<f64>::new(1.0);

/// Someone else has defined them.
static FOREIGN: AtomicBool = AtomicBool::new(false);

thread_local! {
    static WANTED: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs something whose scans shall give `rows` rows if there are as many, whatever the settings say.
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
    /// `hnsw.ef_search`
    pub ef_search: usize,
    /// Rows that are wanted, if that is known.
    pub rows: Option<usize>,
    /// `hnsw.iterative_scan`
    pub iterative_scan: IterativeScan,
    /// `hnsw.max_scan_tuples`
    pub max_scan_tuples: u64,
    /// `hnsw.scan_mem_multiplier` times `work_mem`, in bytes.
    pub memory: usize,
}

/// Defines the settings, unless they are there.
pub fn init() {
    let name = c"hnsw.ef_search";
    // SAFETY: looks a setting up; -1 as 0 if there is none.
    let there = unsafe {
        !pg_sys::GetConfigOption(name.as_ptr(), true, false).is_null()
            && pg_sys::GetConfigOptionFlags(name.as_ptr(), true) as u32 & pg_sys::GUC_CUSTOM_PLACEHOLDER == 0
    };
    FOREIGN.store(there, Relaxed);
    if there {
        return;
    }
    GucRegistry::define_int_guc(
        name,
        c"Sets the size of the dynamic candidate list for search",
        c"Valid range is 1..1000.",
        &EF_SEARCH,
        1,
        1000,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"hnsw.iterative_scan",
        c"Sets the mode for iterative scans",
        c"",
        &ITERATIVE_SCAN,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"hnsw.max_scan_tuples",
        c"Sets the max number of tuples to visit for iterative scans",
        c"",
        &MAX_SCAN_TUPLES,
        1,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_float_guc(
        c"hnsw.scan_mem_multiplier",
        c"Sets the multiple of work_mem to use for iterative scans",
        c"",
        &SCAN_MEM_MULTIPLIER,
        1.0,
        1000.0,
        GucContext::Userset,
        GucFlags::default(),
    );
    // SAFETY: the prefix is ours now.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"hnsw".as_ptr()) }
}

/// A setting that someone else has defined.
fn foreign(name: &CStr) -> Option<String> {
    // SAFETY: what comes back is null or a string that lives until the next call.
    unsafe {
        let text = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        if text.is_null() { None } else { Some(CStr::from_ptr(text).to_string_lossy().into_owned()) }
    }
}

impl Settings {
    /// The present ones.
    pub fn now() -> Self {
        let set = Self::set();
        match WANTED.get() {
            Some(rows) => Self {
                rows: Some(rows),
                ef_search: set.ef_search.max(rows),
                iterative_scan: IterativeScan::Strict,
                max_scan_tuples: set.max_scan_tuples.max(4 * rows as u64),
                ..set
            },
            None => set,
        }
    }

    fn set() -> Self {
        // SAFETY: a variable of this process.
        let work_mem = unsafe { pg_sys::work_mem } as f64 * 1024.0;
        if !FOREIGN.load(Relaxed) {
            return Self {
                ef_search: EF_SEARCH.get() as usize,
                rows: None,
                iterative_scan: ITERATIVE_SCAN.get(),
                max_scan_tuples: MAX_SCAN_TUPLES.get() as u64,
                memory: (SCAN_MEM_MULTIPLIER.get() * work_mem) as usize,
            };
        }
        fn number<T: std::str::FromStr>(name: &CStr, default: T) -> T {
            foreign(name).and_then(|text| text.parse().ok()).unwrap_or(default)
        }
        Self {
            ef_search: number(c"hnsw.ef_search", 40),
            rows: None,
            iterative_scan: match foreign(c"hnsw.iterative_scan").as_deref() {
                Some("relaxed_order") => IterativeScan::Relaxed,
                Some("strict_order") => IterativeScan::Strict,
                _ => IterativeScan::Off,
            },
            max_scan_tuples: number(c"hnsw.max_scan_tuples", 20_000),
            memory: (number(c"hnsw.scan_mem_multiplier", 1.0) * work_mem) as usize,
        }
    }
}
