//! What reads bytes of others, given requests that have been changed at random: nothing panics, and what is refused is refused as the
//! caller's mistake. `SOAK=200 cargo test -p conifer-gateway mutations` goes on for longer.

use crate::context::Context;
use crate::database::conninfo::ConnInfo;
use crate::database::pool::{Caller, Limits, Pool};
use crate::database::row::Row;
use crate::database::server_error::ServerError;
use crate::database::wire;
use crate::grpc;
use crate::host::{Hosts, Template};
use crate::http::query_string::QueryString;
use crate::log::{Level, Log};
use crate::metrics::Metrics;
use crate::operation::{NAMES, Operation};
use crate::rest::{self, Place, Request, route};
use crate::version::Version;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::Duration;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, max: usize) -> usize {
        (self.next() % max.max(1) as u64) as usize
    }
}

/// Words that requests are made of, and some that break them.
const WORDS: [&[u8]; 24] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"null",
    b"1e999",
    b"-",
    b"0",
    b"true",
    b"\"id\"",
    b"\"filter\"",
    b"\"$and\"",
    b"\xff",
    b"\0",
    b"%2f",
    b"&",
    b"..",
    b"/i/",
    b"\"topK\":",
    b"99999999999999999999",
];

fn changed(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] = random.next() as u8,
            1 => bytes.truncate(at),
            2 => {
                let word = WORDS[random.below(WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            3 => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let part: Vec<u8> = bytes[at..].iter().copied().take(random.below(32)).collect();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

fn rounds() -> usize {
    300 * (1 + std::env::var("SOAK").ok().and_then(|soak| soak.parse::<usize>().ok()).unwrap_or(0))
}

/// A pool of a database that is not there.
fn nowhere() -> Arc<Pool> {
    let info = ConnInfo::parse("host=127.0.0.1 port=1 user=nobody sslmode=disable", |_| None).unwrap();
    let limits = Limits {
        size: 1,
        max_waiting: 1,
        max_wait: Duration::from_secs(1),
        statement_timeout: Duration::ZERO,
        lifetime: Duration::from_secs(1),
        max_bytes: 1,
    };
    Pool::new(info, limits, Arc::new(Log::new(Level::Error)), Arc::new(Metrics::new(NAMES)))
}

const REQUESTS: [(Operation, &str); 14] = [
    (
        Operation::Query,
        r#"{"topK": 3, "vector": [0.1, -2e3, 3], "namespace": "a", "filter": {"$and": [{"n": {"$in": [1, "x"]}}]}, "includeValues": true}"#,
    ),
    (Operation::Query, r#"{"topK": 3, "sparseVector": {"indices": [5, 1], "values": [0.5, 1]}, "id": null}"#),
    (
        Operation::Upsert,
        r#"{"vectors": [{"id": "a", "values": [1, 2], "metadata": {"a": ["b"]}, "sparseValues": {"indices": [1], "values": [2]}}]}"#,
    ),
    (
        Operation::Update,
        r#"{"id": "a", "values": [1, 2], "setMetadata": {"a": true}, "namespace": "n", "dryRun": false}"#,
    ),
    (Operation::Delete, r#"{"ids": ["a", "b"], "deleteAll": false, "namespace": ""}"#),
    (Operation::FetchByMetadata, r#"{"filter": {"a": 1}, "limit": 3, "paginationToken": "x"}"#),
    (Operation::Stats, r#"{"filter": {}}"#),
    (
        Operation::Search,
        r#"{"query": {"top_k": 3, "vector": {"values": [1]}, "filter": {"a": 1}}, "fields": ["a"]}"#,
    ),
    (Operation::CreateNamespace, r#"{"name": "a", "schema": {"fields": {"x": {"filterable": true}}}}"#),
    (
        Operation::CreateIndex,
        r#"{"name": "films", "dimension": 3, "metric": "cosine", "spec": {"serverless": {"cloud": "aws", "region": "x"}}}"#,
    ),
    (
        Operation::CreateIndex,
        r#"{"name": "films", "schema": {"fields": {"_values": {"type": "dense_vector", "dimension": 3}}}, "tags": {"a": "b"}}"#,
    ),
    (
        Operation::ConfigureIndex,
        r#"{"deletion_protection": "enabled", "tags": {"a": ""}, "spec": {"pod": {"replicas": 2}}}"#,
    ),
    (Operation::List, ""),
    (Operation::Fetch, ""),
];

#[test]
fn rest_requests() {
    let pool = nowhere();
    let hosts = Hosts { template: None, ports: vec![] };
    let place = Place { hosts: &hosts, scheme: "http", authority: "x", cloud: "c", region: "r" };
    let mut random = Random(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut is_understood = 0;
        for round in 0..rounds() {
            let (operation, seed) = REQUESTS[round % REQUESTS.len()];
            for version in [Version::Spec, Version::Schema] {
                let body = changed(&mut random, seed.as_bytes());
                let line = String::from_utf8_lossy(&changed(
                    &mut random,
                    b"ids=a&ids=b&limit=7&prefix=x&namespace=n",
                ))
                .into_owned();
                let Ok(query) = QueryString::parse(Some(&line)) else { continue };
                let caller = Caller { key: "k".into(), request_id: "r".into() };
                let context = Context { pool: &pool, caller, version };
                let request = Request { operation, name: "n", index: "films", query: &query, body: &body };
                let failure = rest::answer(&context, &place, &request).await.unwrap_err();
                assert!(
                    matches!(failure.status(), 400 | 422 | 503),
                    "{failure:?} {:?}",
                    String::from_utf8_lossy(&body)
                );
                is_understood += usize::from(failure.status() == 503);
            }
        }
        assert!(is_understood > rounds() / 20, "{is_understood}");
    });
}

#[test]
fn grpc_requests() {
    use grpc::framing::written;
    use grpc::messages::*;
    let object = || grpc::structs::Struct::of_json(r#"{"a": 1, "b": ["x", true], "c": {"$in": [2.5]}}"#).ok();
    let seeds = [
        (
            Operation::Query,
            written(&QueryRequest {
                top_k: 3,
                vector: vec![1.0, 2.0],
                filter: object(),
                ..QueryRequest::default()
            }),
        ),
        (
            Operation::Upsert,
            written(&UpsertRequest {
                vectors: vec![Vector {
                    id: "a".into(),
                    values: vec![1.0],
                    metadata: object(),
                    sparse_values: None,
                }],
                namespace: "n".into(),
            }),
        ),
        (Operation::Delete, written(&DeleteRequest { ids: vec!["a".into()], ..DeleteRequest::default() })),
        (
            Operation::Update,
            written(&UpdateRequest { id: "a".into(), set_metadata: object(), ..UpdateRequest::default() }),
        ),
        (
            Operation::FetchByMetadata,
            written(&FetchByMetadataRequest { filter: object(), ..FetchByMetadataRequest::default() }),
        ),
        (Operation::CreateNamespace, written(&CreateNamespaceRequest { name: "a".into(), schema: None })),
    ];
    let pool = nowhere();
    let mut random = Random(2);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for round in 0..rounds() {
            let (operation, seed) = &seeds[round % seeds.len()];
            let mut body = changed(&mut random, seed);
            if random.below(2) == 0 && body.len() >= 5 {
                let length = (body.len() - 5) as u32;
                body[..5].copy_from_slice(&[&[0], &length.to_be_bytes()[..]].concat());
            }
            let caller = Caller { key: "k".into(), request_id: "r".into() };
            let context = Context { pool: &pool, caller, version: Version::Schema };
            let failure = grpc::answer(&context, "films", *operation, &body).await.unwrap_err();
            assert!(matches!(failure.code.number(), 3 | 12 | 14), "{failure:?} {body:?}");
        }
    });
}

#[test]
fn paths_and_hosts() {
    let mut random = Random(3);
    let template = Template::new("https://x-{index}.example.org:8443/a").ok();
    let hosts = Hosts { template, ports: vec![("films".into(), 1)] };
    for round in 0..rounds() * 10 {
        let seed = [
            "/i/films/namespaces/a%2Fb",
            "/records/namespaces/n/search",
            "/indexes/films",
            "x-films.example.org:8443",
        ][round % 4];
        let text = String::from_utf8_lossy(&changed(&mut random, seed.as_bytes())).into_owned();
        for method in ["GET", "POST", "DELETE"] {
            if let Err(unroutable) = route::route(method, &text) {
                assert!((400..429).contains(&unroutable.failure.status()));
            }
        }
        if let Some(index) = hosts.index_of(&text) {
            assert!(!index.is_empty() && index.len() <= 45);
        }
        let _ = (Version::of(Some(&text)), Template::new(&text));
    }
}

#[test]
fn bytes_of_the_database() {
    let mut random = Random(4);
    let row = b"\0\x05\0\0\0\x02ab\0\0\0\x04\x3f\x80\0\0\0\0\0\x08\0\x01\0\0\x3f\x80\0\0\xff\xff\xff\xff\0\0\0\x03\x01{}";
    for _ in 0..rounds() * 10 {
        let body = changed(&mut random, row);
        if let Ok([id, score, values, sparse, metadata]) = Row::new(Bytes::from(body.clone())).cells() {
            let _ = (id.text(), score.real(), metadata.jsonb(), score.bigint(), score.int());
            let _ = values.vector().map(|vector| vector.map(|vector| vector.values().count()));
            let _ = sparse
                .sparse()
                .map(|sparse| sparse.map(|sparse| (sparse.indices().count(), sparse.values().count())));
        }
        let _ = ServerError::parse(&body).failure();
        let mut stream = BytesMut::from(&changed(&mut random, b"D\0\0\0\x08\0\x01\0\0Z\0\0\0\x05I")[..]);
        while let Ok(Some(_)) = wire::next(&mut stream) {}
    }
}
