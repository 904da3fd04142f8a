//! The JSON of Pinecone's functions: batches of records, metadata, specs and tags.
#![no_main]

use conifer_pure::pinecone::index::forms::{Forms, Given};
use conifer_pure::pinecone::index::metric::Metric;
use conifer_pure::pinecone::index::{spec, tags};
use conifer_pure::pinecone::record::batch::{MAX_RECORDS, Shape, parse};
use conifer_pure::pinecone::record::{id, metadata, namespace};
use libfuzzer_sys::fuzz_target;

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Euclidean, Metric::DotProduct];

fuzz_target!(|json: &str| {
    let shape = Shape { dimension: 1 + json.len() % 3, metric: METRICS[json.len() % 3] };
    if let Ok(records) = parse(json, shape) {
        let mut count = 0;
        for record in records.flatten() {
            id::check(&record.id).unwrap();
            assert_eq!(record.values.len(), shape.dimension);
            if let Some(json) = record.metadata {
                let _ = metadata::check(json);
            }
            count += 1;
        }
        assert!(count <= MAX_RECORDS);
    }
    if metadata::check(json).is_ok() {
        assert!(json.trim_start().starts_with('{'));
    }
    for given in [
        Given { spec: Some(json), ..Given::default() },
        Given { deployment: Some(json), schema: Some(json), ..Given::default() },
        Given { read_capacity: Some(json), ..Given::default() },
    ] {
        let _ = Forms::new(given);
    }
    let _ = spec::check_name(json);
    if let Ok(merged) = tags::merge(tags::Tags::new(), json) {
        // A tag with an empty value is removed: none is left.
        assert_eq!(tags::merge(tags::Tags::new(), &tags::to_json(&merged)).unwrap(), merged);
    }
    if let Ok(name) = namespace::canonical(json) {
        namespace::check_stored(name).unwrap();
    }
    if let Some(end) = id::prefix_end(json) {
        assert!(&*end > json);
    }
});
