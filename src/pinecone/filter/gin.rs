//! `pc_filter_ops`: GIN over metadata, for `@@@`.
//!
//! A row's terms and a filter's keys are the pure crate's. What the index gives is asked of the filter once more, on the row. A
//! filter that holds for rows with none of its keys (`$exists: false`, `$not`) has the index read as a whole, unless another
//! clause beside it has keys. So does what a filter asks of fields that the index does not keep (`fields.rs`).
#![allow(unsafe_code)]

use super::fields;
use super::parsed_filter::valid;
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{Returned, argument, export};
use crate::pg::returned::Bytea;
use crate::pg::varlena::detoast_packed;
use conifer_pure::jsonb::Container;
use conifer_pure::memory::allocation::{push, with_room};
use conifer_pure::pinecone::filter::terms::{terms, terms_of};
use conifer_pure::pinecone::filter::{Key, Query, tri};
use pgrx::{PgMemoryContexts, pg_sys};

/// What each key of a search carries along: the whole of the search, and which of its keys this is.
#[derive(Clone, Copy)]
struct Extra {
    query: *const Query,
    key: usize,
}

/// Maximum number of keys that an index is asked for. Beyond it the index gives all rows, each of which the filter is asked of: the
/// server's preparation takes time by the square of the keys.
const MAX_KEYS: usize = 1000;

/// A list in the server's memory.
///
/// # Safety
/// The elements may be forgotten without being dropped.
unsafe fn palloced<T: Copy>(items: impl ExactSizeIterator<Item = T>) -> *mut T {
    // SAFETY: palloc gives as many bytes as are asked for, MAXALIGNed, or raises.
    unsafe {
        let list = pg_sys::palloc(items.len() * size_of::<T>()).cast::<T>();
        items.enumerate().for_each(|(i, item)| list.add(i).write(item));
        list
    }
}

fn bytea(key: &Key) -> pg_sys::Datum {
    let key = key.as_bytes();
    Bytea::new(key.len(), |bytes| bytes.copy_from_slice(key)).datum()
}

// (metadata jsonb, number of keys: int4 *, null flags: bool **) returns Datum *
export!(gin_filter_extract_value, |fcinfo| {
    let mut keys = Vec::new();
    // SAFETY: the arguments are as declared; GIN passes a pointer for the number.
    unsafe {
        let metadata = detoast_packed(argument(fcinfo, 0));
        if let Some(metadata) = Container::new(metadata.bytes()) {
            let take = |key: &_| push(&mut keys, bytea(key));
            match fields::of_call(fcinfo) {
                None => terms(&metadata, take),
                Some(fields) => terms_of(&metadata, |name| fields.has(name), take),
            }
            .or_raise();
        }
        argument(fcinfo, 1).cast_mut_ptr::<i32>().write(keys.len() as i32);
        pg_sys::Datum::from(palloced(keys.iter().copied()))
    }
});

// (filter jsonb, number of keys: int4 *, strategy, partial: bool **, extra: Pointer **, null flags: bool **, mode: int4 *)
// returns Datum *
export!(gin_filter_extract_query, |fcinfo| {
    // SAFETY: the arguments are as declared; GIN passes pointers for what is to be filled in. All of it is to live as long as
    // the memory context that this is called in.
    unsafe {
        let Some(filter) = valid(argument(fcinfo, 0)) else {
            // Which is for no rows, as the operator is NULL. An error would tell that the scan has come to be made.
            argument(fcinfo, 1).cast_mut_ptr::<i32>().write(0);
            return pg_sys::Datum::null();
        };
        let query = match fields::of_call(fcinfo) {
            None => Query::new(&filter),
            Some(fields) => Query::of_fields(&filter, &|name| fields.has(name)),
        }
        .or_raise();
        let too_many = query.keys().len() > MAX_KEYS;
        if too_many || query.needs_no_key().or_raise() {
            argument(fcinfo, 6).cast_mut_ptr::<i32>().write(pg_sys::GIN_SEARCH_MODE_ALL as i32);
        }
        let query = PgMemoryContexts::CurrentMemoryContext.leak_and_drop_on_delete(query).cast_const();
        let keys = if too_many { &[] } else { (*query).keys() };
        argument(fcinfo, 1).cast_mut_ptr::<i32>().write(keys.len() as i32);
        if keys.is_empty() {
            return pg_sys::Datum::null();
        }
        let partial = palloced(keys.iter().map(|key| key.is_partial()));
        argument(fcinfo, 3).cast_mut_ptr::<*mut bool>().write(partial);
        let extras = palloced((0..keys.len()).map(|key| Extra { query, key }));
        let pointers = palloced((0..keys.len()).map(|key| extras.add(key)));
        argument(fcinfo, 4).cast_mut_ptr::<*mut *mut Extra>().write(pointers);
        let mut from = with_room(keys.len()).or_raise();
        from.extend(keys.iter().map(|key| bytea(&key.from)));
        pg_sys::Datum::from(palloced(from.iter().copied()))
    }
});

/// What follows for a row from the keys that it has: the first argument, a byte for each.
///
/// # Safety
/// `fcinfo` is that of one of the functions below, whose arguments 3 and 4 are the number of keys and what they carry along.
unsafe fn follows(fcinfo: pg_sys::FunctionCallInfo) -> u8 {
    // SAFETY: there are as many bytes and pointers as keys; the pointers are those that `gin_filter_extract_query` has given.
    unsafe {
        let count = argument(fcinfo, 3).value() as i32 as usize;
        if count == 0 {
            // A search without keys is one for all rows.
            return tri::MAYBE;
        }
        let has = std::slice::from_raw_parts(argument(fcinfo, 0).cast_mut_ptr::<u8>(), count);
        let first = *argument(fcinfo, 4).cast_mut_ptr::<*const Extra>();
        (*(*first).query).consistent(has)
    }
}

// (has: bool *, strategy, filter jsonb, number of keys, extra: Pointer *, recheck: bool *, keys, null flags) returns bool
export!(gin_filter_consistent, |fcinfo| {
    // SAFETY: the arguments are as declared; GIN passes a pointer for the flag.
    unsafe {
        argument(fcinfo, 5).cast_mut_ptr::<bool>().write(true);
        (follows(fcinfo) != tri::FALSE).datum()
    }
});

// (has: GinTernaryValue *, strategy, filter jsonb, number of keys, extra: Pointer *, keys, null flags) returns GinTernaryValue
export!(gin_filter_triconsistent, |fcinfo| {
    // SAFETY: the arguments are as declared.
    let follows = unsafe { follows(fcinfo) };
    pg_sys::Datum::from(if follows == tri::FALSE { tri::FALSE } else { tri::MAYBE })
});

// (from bytea, key bytea, strategy, extra: Pointer) returns int4: 0 for a key that is looked for, less for one that is passed over,
// more behind the last
export!(gin_filter_compare_partial, |fcinfo| {
    // SAFETY: the arguments are as declared; what the key carries along is from `gin_filter_extract_query`.
    unsafe {
        let key = detoast_packed(argument(fcinfo, 1));
        let extra = *argument(fcinfo, 3).cast_mut_ptr::<Extra>();
        ((*extra.query).keys()[extra.key].compare(key.bytes()) as i32).datum()
    }
});
