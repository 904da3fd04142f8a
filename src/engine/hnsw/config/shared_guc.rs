//! A setting that another library may have defined.
//!
//! pgvector's library can be loaded in the same process. The library that comes first defines a setting, and the other reads it
//! by name. An older pgvector has fewer settings, so each is looked up.
#![allow(unsafe_code)]

use pgrx::guc::GucValue;
use pgrx::{GucSetting, pg_sys};
use std::ffi::CStr;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The value of a setting.
pub struct Setting<T: GucValue> {
    name: &'static CStr,
    ours: GucSetting<T>,
    /// Another library has defined it.
    foreign: AtomicBool,
}

impl<T: GucValue + FromStr> Setting<T> {
    /// A setting that is not defined yet, with its default.
    pub const fn new(name: &'static CStr, ours: GucSetting<T>) -> Self {
        Self { name, ours, foreign: AtomicBool::new(false) }
    }

    /// Whether the setting is defined, by this library or another.
    pub fn is_there(&self) -> bool {
        let name = self.name.as_ptr();
        // SAFETY: looks a setting up; -1 as 0 if there is none.
        unsafe {
            !pg_sys::GetConfigOption(name, true, false).is_null()
                && pg_sys::GetConfigOptionFlags(name, true) as u32 & pg_sys::GUC_CUSTOM_PLACEHOLDER == 0
        }
    }

    /// Calls `define`, unless the setting is defined already.
    pub fn define(&'static self, define: impl FnOnce(&'static CStr, &'static GucSetting<T>)) {
        let there = self.is_there();
        self.foreign.store(there, Relaxed);
        if !there {
            define(self.name, &self.ours);
        }
    }

    /// The present value.
    pub fn get(&self) -> T {
        if !self.foreign.load(Relaxed) {
            return self.ours.get();
        }
        // SAFETY: the result is null or a string that lives until the next call.
        let text = unsafe {
            let text = pg_sys::GetConfigOption(self.name.as_ptr(), true, false);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy())
        };
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| self.ours.get())
    }
}
