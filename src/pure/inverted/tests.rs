//! The index as a whole, beside a plain list of rows.

mod changes;
mod golden;
mod keys;
mod model;
mod scans;
mod spoilt;
