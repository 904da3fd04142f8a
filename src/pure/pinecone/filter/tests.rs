//! The language against a reading of its documentation, on metadata in both forms, and the keys of an index against the language.

use super::*;
use crate::fault::state::INVALID_PARAMETER_VALUE;
use crate::jsonb::Container;
use crate::jsonb::tests::written;
use crate::noise::Noise;
use serde_json::{Map, Value as Json, json};
use std::cmp::Ordering;
use std::convert::Infallible;

/// Metadata as a tree of JSON.
struct Model(Map<String, Json>);

impl Metadata for Model {
    type Value<'a> = &'a Json;

    fn get(&self, field: &[u8]) -> Option<&Json> {
        self.0.get(std::str::from_utf8(field).ok()?)
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], &Json)> {
        self.0.iter().map(|(name, value)| (name.as_bytes(), value))
    }
}

impl Value for &Json {
    fn scalar(&self) -> Option<Scalar<'_>> {
        (!self.is_array()).then(|| scalar(self))
    }

    fn any(&self, test: impl FnMut(Scalar<'_>) -> bool) -> bool {
        match self {
            Json::Array(elements) => elements.iter().map(scalar).any(test),
            value => [scalar(value)].into_iter().any(test),
        }
    }
}

fn scalar(value: &Json) -> Scalar<'_> {
    match value {
        Json::String(text) => Scalar::Text(text.as_bytes()),
        Json::Number(number) => Scalar::Number(number.as_f64().unwrap()),
        Json::Bool(value) => Scalar::Bool(*value),
        _ => Scalar::Other,
    }
}

/// What the documentation says, clause by clause; `None` where it calls the filter invalid.
mod documented {
    use super::*;

    pub fn matches(filter: &Json, metadata: &Map<String, Json>) -> Option<bool> {
        // Every clause is looked at, so that a filter is invalid whatever the metadata.
        let mut all = true;
        for (key, value) in filter.as_object()? {
            all &= match key.as_str() {
                "$and" => joined(value, metadata)?.into_iter().all(|holds| holds),
                "$or" => joined(value, metadata)?.into_iter().any(|holds| holds),
                key if key.starts_with('$') => return None,
                field => match value {
                    Json::Object(operators) => of_operators(operators, metadata.get(field))?,
                    value => of_operator("$eq", value, metadata.get(field))?,
                },
            };
        }
        Some(all)
    }

    fn joined(list: &Json, metadata: &Map<String, Json>) -> Option<Vec<bool>> {
        let list = list.as_array().filter(|list| !list.is_empty())?;
        let clause =
            |filter: &Json| filter.as_object().filter(|f| !f.is_empty()).and(matches(filter, metadata));
        list.iter().map(clause).collect()
    }

    fn of_operators(operators: &Map<String, Json>, field: Option<&Json>) -> Option<bool> {
        if operators.is_empty() {
            return None;
        }
        let all: Option<Vec<bool>> =
            operators.iter().map(|(op, operand)| of_operator(op, operand, field)).collect();
        Some(all?.into_iter().all(|holds| holds))
    }

    fn of_operator(operator: &str, operand: &Json, field: Option<&Json>) -> Option<bool> {
        let number = |holds: fn(f64, f64) -> bool| {
            let operand = operand.as_f64()?;
            Some(field.and_then(Json::as_f64).is_some_and(|value| holds(value, operand)))
        };
        match operator {
            "$eq" => is_scalar(operand).then(|| field.is_some_and(|field| any(field, operand))),
            "$ne" => is_scalar(operand).then(|| field.is_some_and(|field| !any(field, operand))),
            "$in" => {
                values(operand).map(|list| field.is_some_and(|f| list.iter().any(|value| any(f, value))))
            }
            "$nin" => {
                values(operand).map(|list| field.is_some_and(|f| !list.iter().any(|value| any(f, value))))
            }
            "$gt" => number(|a, b| a > b),
            "$gte" => number(|a, b| a >= b),
            "$lt" => number(|a, b| a < b),
            "$lte" => number(|a, b| a <= b),
            "$exists" => operand.as_bool().map(|exists| exists == field.is_some()),
            "$not" => of_operators(operand.as_object()?, field).map(|holds| !holds),
            _ => None,
        }
    }

    fn values(operand: &Json) -> Option<&Vec<Json>> {
        operand.as_array().filter(|list| list.len() <= MAX_VALUES && list.iter().all(is_scalar))
    }

    fn is_scalar(value: &Json) -> bool {
        value.is_string() || value.is_number() || value.is_boolean()
    }

    /// Type-strict; any element of a list.
    fn any(field: &Json, operand: &Json) -> bool {
        match field {
            Json::Array(elements) => elements.iter().any(|element| equal(element, operand)),
            value => equal(value, operand),
        }
    }

    fn equal(a: &Json, b: &Json) -> bool {
        match (a, b) {
            (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
            (Json::String(_), Json::String(_)) | (Json::Bool(_), Json::Bool(_)) => a == b,
            _ => false,
        }
    }
}

/// Filters and metadata at random, of few fields and values, so that they meet.
struct Random(Noise);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        (self.0.uniform() * n as f32) as usize
    }

    fn name(&mut self) -> String {
        let long = "a name that is longer than those which an index keeps as they are";
        ["a", "b", "", "genre", "ü", long][self.below(6)].to_owned()
    }

    fn scalar(&mut self) -> Json {
        let long = "a string that is longer than those that an index keeps as they are: ";
        match self.below(9) {
            0 => "a".into(),
            1 => ["", "1", "true", "\"'; DROP"][self.below(4)].into(),
            2 => format!("{long}{}", self.below(3)).into(),
            3 => (self.below(2) == 0).into(),
            4 => [json!(1e300), json!(-1e300), json!(0.1), json!(9_007_199_254_740_993u64), json!(-0.0)]
                [self.below(5)]
            .clone(),
            _ => (self.below(5) as f64 / 2.0 - 1.0).into(),
        }
    }

    fn metadata(&mut self) -> Map<String, Json> {
        let mut fields = Map::new();
        for _ in 0..self.below(5) {
            let value = match self.below(12) {
                0..=6 => self.scalar(),
                // Tables of users may hold what Pinecone's metadata cannot.
                7 => [json!(null), json!({"a": 1}), json!([[1], null]), json!({})][self.below(4)].clone(),
                _ => Json::Array((0..self.below(4)).map(|_| self.scalar()).collect()),
            };
            fields.insert(self.name(), value);
        }
        fields
    }

    /// One in `odds` parts is invalid.
    fn filter(&mut self, depth: usize, odds: usize) -> Json {
        let mut clauses = Map::new();
        let least = usize::from(depth > 0 && self.below(odds) > 0);
        for _ in 0..least.max(self.below(3)) {
            if depth < 4 && self.below(3) == 0 {
                let least = usize::from(self.below(odds) > 0);
                let list = (0..least.max(self.below(4))).map(|_| self.filter(depth + 1, odds)).collect();
                clauses.insert(["$and", "$or"][self.below(2)].into(), Json::Array(list));
            } else if self.below(odds) == 0 {
                let key = ["$eq", "$nor", "$not", "$", "$and"][self.below(5)].into();
                clauses.insert(key, self.scalar());
            } else {
                let value = if self.below(3) == 0 { self.scalar() } else { self.operators(0, odds) };
                clauses.insert(self.name(), value);
            }
        }
        Json::Object(clauses)
    }

    fn operators(&mut self, depth: usize, odds: usize) -> Json {
        const ALL: [&str; 10] =
            ["$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists", "$not"];
        let mut operators = Map::new();
        let least = usize::from(self.below(odds) > 0);
        for _ in 0..least.max(self.below(3)) {
            let operator = ALL[self.below(if depth < 3 { 10 } else { 9 })];
            let operand = match operator {
                _ if self.below(odds) == 0 => {
                    [json!(null), json!({}), json!([[1]]), json!("x"), json!([])][self.below(5)].clone()
                }
                "$eq" | "$ne" => self.scalar(),
                "$in" | "$nin" => Json::Array((0..self.below(5)).map(|_| self.scalar()).collect()),
                "$exists" => (self.below(2) == 0).into(),
                "$not" => self.operators(depth + 1, odds),
                _ => json!([-1e300, -1.0, -0.5, 0.0, 0.5, 1.0, 1e300][self.below(7)]),
            };
            let operator =
                if self.below(odds) == 0 { ["$regex", "a", "$and", "eq"][self.below(4)] } else { operator };
            operators.insert(operator.into(), operand);
        }
        Json::Object(operators)
    }
}

/// Of each key of a query, whether metadata has it.
fn found(query: &Query, keeps: &dyn Fn(&[u8]) -> bool, metadata: &impl Metadata) -> Vec<u8> {
    let mut terms = vec![];
    let Ok(()) = super::terms::terms_of::<Infallible>(metadata, keeps, |key| {
        terms.push(key.as_bytes().to_vec());
        Ok(())
    });
    let from =
        |key: &QueryKey, term: &[u8]| term >= key.from.as_bytes() && key.compare(term) == Ordering::Equal;
    let has = |key: &QueryKey| terms.iter().any(|term| from(key, term));
    query.keys().iter().map(|key| u8::from(has(key))).collect()
}

#[test]
fn agrees_with_the_documentation() {
    const FILTERS: usize = 120_000;
    let mut random = Random(Noise(7));
    let (mut valid, mut matching, mut sure, mut ruled_out) = (0, 0, 0, 0);
    for i in 0..FILTERS {
        let filter = random.filter(0, if i % 4 == 0 { 12 } else { usize::MAX });
        let text = filter.to_string();
        let parsed = parse(&text);
        assert_eq!(parsed.is_ok(), documented::matches(&filter, &Map::new()).is_some(), "{text}: {parsed:?}");
        let Ok(parsed) = parsed else { continue };
        valid += 1;
        // Some lists are looked up value by value, some from the first to the last.
        // Some indexes have all fields, some every other one.
        let keeps: &dyn Fn(&[u8]) -> bool = if i % 3 == 0 {
            &|name| name.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 2 == 0
        } else {
            &|_| true
        };
        let query = Query::with(&parsed, keeps, 3).unwrap();
        for _ in 0..3 {
            let metadata = random.metadata();
            let expected = documented::matches(&filter, &metadata).unwrap();
            let bytes = written(&Json::Object(metadata.clone()));
            let (jsonb, model) = (Container::new(&bytes).unwrap(), Model(metadata));
            assert_eq!(parsed.matches(&model), expected, "{text} on {:?}", model.0);
            assert_eq!(parsed.matches(&jsonb), expected, "{text} on {:?}, binary", model.0);

            let mut has = found(&query, keeps, &model);
            assert_eq!(has, found(&query, keeps, &jsonb), "{text} on {:?}", model.0);
            let answer = query.consistent(&has);
            let agrees = |answer| if expected { answer != tri::FALSE } else { answer != tri::TRUE };
            assert!(agrees(answer), "{text} on {:?}: {answer}", model.0);
            if has.iter().all(|has| *has == tri::FALSE) && expected {
                assert!(query.needs_no_key().unwrap(), "{text}");
            }
            has.iter_mut().for_each(|has| *has = if random.below(3) == 0 { tri::MAYBE } else { *has });
            assert!(agrees(query.consistent(&has)), "{text} on {:?}: {has:?}", model.0);
            matching += usize::from(expected);
            sure += usize::from(answer == tri::TRUE);
            ruled_out += usize::from(answer == tri::FALSE);
        }
    }
    // There was something to tell.
    assert!(valid > FILTERS / 2 && matching > FILTERS / 5, "{valid}, {matching}");
    assert!(sure > matching / 2 && ruled_out > FILTERS / 2, "{sure}, {ruled_out}");
}

fn refused(filter: &str) -> String {
    let fault = parse(filter).map(|filter| format!("{filter:?}")).unwrap_err();
    assert_eq!(fault.state, INVALID_PARAMETER_VALUE);
    fault.message
}

#[test]
fn what_is_invalid_is_named() {
    for (filter, message) in [
        ("", "filter is not valid JSON: EOF while parsing a value"),
        (r#"{"a": }"#, "filter is not valid JSON: expected value"),
        ("[]", "filter must be a JSON object, not a list"),
        ("null", "filter must be a JSON object, not null"),
        (r#""genre""#, "filter must be a JSON object, not a string"),
        (r#"{"genre": ["comedy"]}"#, r#"invalid filter at "genre": a field cannot be compared with a list"#),
        (
            r#"{"genre": null}"#,
            r#"invalid filter at "genre": expected a string, a number or a boolean, not null"#,
        ),
        (r#"{"genre": {}}"#, r#"invalid filter at "genre": expected an operator"#),
        (r#"{"genre": {"main": "x"}}"#, r#"invalid filter at "genre.main": expected an operator"#),
        (
            r#"{"genre": {"$eq": ["a"]}}"#,
            r#"invalid filter at "genre.$eq": expected a string, a number or a boolean, not a list"#,
        ),
        (
            r#"{"genre": {"$ne": {"$eq": 1}}}"#,
            r#"invalid filter at "genre.$ne": expected a string, a number or a boolean, not an object"#,
        ),
        (r#"{"$gt": 5}"#, r#"invalid filter at "$gt": $gt must be within a field"#),
        (r#"{"$not": {"a": 1}}"#, r#"invalid filter at "$not": $not must be within a field"#),
        (r#"{"$nor": []}"#, r#"invalid filter at "$nor": unknown operator "$nor""#),
        (r#"{"a": {"$regex": "x"}}"#, r#"invalid filter at "a.$regex": unknown operator "$regex""#),
        (r#"{"a": {"$and": []}}"#, r#"invalid filter at "a.$and": $and cannot be within a field"#),
        (r#"{"year": {"$gt": "2020"}}"#, r#"invalid filter at "year.$gt": expected a number, not a string"#),
        (r#"{"year": {"$lte": true}}"#, r#"invalid filter at "year.$lte": expected a number, not a boolean"#),
        (r#"{"year": 1e400}"#, r#"invalid filter at "year": the number is out of range for a 64-bit float"#),
        (r#"{"a": {"$in": "x"}}"#, r#"invalid filter at "a.$in": expected a list of values, not a string"#),
        (
            r#"{"a": {"$nin": ["x", null]}}"#,
            r#"invalid filter at "a.$nin[1]": expected a string, a number or a boolean, not null"#,
        ),
        (
            r#"{"a": {"$in": [["x"]]}}"#,
            r#"invalid filter at "a.$in[0]": expected a string, a number or a boolean, not a list"#,
        ),
        (
            r#"{"a": {"$exists": 1}}"#,
            r#"invalid filter at "a.$exists": expected true or false, not a number"#,
        ),
        (
            r#"{"a": {"$not": "x"}}"#,
            r#"invalid filter at "a.$not": expected an object of operators, not a string"#,
        ),
        (r#"{"a": {"$not": {}}}"#, r#"invalid filter at "a.$not": expected an operator"#),
        (r#"{"$and": {}}"#, r#"invalid filter at "$and": expected a list of filters, not an object"#),
        (r#"{"$or": []}"#, r#"invalid filter at "$or": the list is empty"#),
        (r#"{"$or": [{"a": 1}, {}]}"#, r#"invalid filter at "$or[1]": the filter is empty"#),
        (r#"{"$and": [{"a": 1}, "b"]}"#, r#"invalid filter at "$and[1]": expected a filter, not a string"#),
        (
            r#"{"$and": [{"a": 1}, {"$or": [{"b": {"$gte": "x"}}]}]}"#,
            r#"invalid filter at "$and[1].$or[0].b.$gte": expected a number, not a string"#,
        ),
        (r#"{"a": "\ud800"}"#, r#"invalid filter at "a": "#),
    ] {
        let said = refused(filter);
        assert!(
            if message.ends_with(' ') { said.starts_with(message) } else { said == message },
            "{filter}: {said}"
        );
    }
    let long = refused(&json!({"k".repeat(9999): null}).to_string());
    assert!(long.len() < 200 && long.contains("kkk..."), "{long}");
}

#[test]
fn limits() {
    let many =
        |n: usize| json!({"a": {"$in": (0..n).collect::<Vec<_>>()}, "b": {"$nin": vec!["x"; n]}}).to_string();
    assert!(parse(&many(MAX_VALUES)).is_ok());
    assert_eq!(refused(&many(MAX_VALUES + 1)), r#"invalid filter at "a.$in": more than 10000 values"#);

    let deep = |n: usize| format!(r#"{}{{"a": 1}}{}"#, r#"{"$and": ["#.repeat(n), "]}".repeat(n));
    assert!(parse(&deep(MAX_DEPTH)).is_ok());
    let message = refused(&deep(MAX_DEPTH + 1));
    assert!(message.ends_with("more than 50 operators within each other"), "{message}");
    let not = |n: usize| format!(r#"{{"a": {}{{"$eq": 1}}{}}}"#, r#"{"$not": "#.repeat(n), "}".repeat(n));
    assert!(parse(&not(MAX_DEPTH)).is_ok() && refused(&not(MAX_DEPTH + 1)).contains("more than 50"));
    // Deeper than the parser of JSON goes.
    for brackets in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"$or":["#, "]}")] {
        refused(&format!(r#"{{"a": {}1{}}}"#, brackets.0.repeat(100_000), brackets.1.repeat(100_000)));
        refused(&format!("{}1{}", brackets.0.repeat(100_000), brackets.1.repeat(100_000)));
    }

    let long = |n: usize| format!(r#"{{"a": "{}"}}"#, "x".repeat(n - 9));
    assert!(parse(&long(MAX_BYTES)).is_ok());
    assert_eq!(
        refused(&long(MAX_BYTES + 1)),
        "filter size is 2097153 bytes, which exceeds the limit of 2097152 bytes"
    );
}

/// The examples of the reference, and what it says of fields that are missing.
#[test]
fn examples() {
    let on = |metadata: Json, filter: Json| {
        let Json::Object(fields) = metadata else { unreachable!() };
        parse(&filter.to_string()).unwrap().matches(&Model(fields))
    };
    let film = || json!({"genre": ["comedy", "documentary"], "year": 2019, "seen": false, "n": 0});
    for filter in [
        json!({}),
        json!({"genre": "comedy"}),
        json!({"genre": {"$in": ["documentary", "action"]}}),
        json!({"$and": [{"genre": "comedy"}, {"genre": "documentary"}]}),
        json!({"year": {"$gte": 2019, "$lt": 2020}}),
        json!({"seen": {"$exists": true}, "n": {"$exists": true}}),
        json!({"rating": {"$exists": false}}),
        json!({"rating": {"$not": {"$eq": 5}}}),
        json!({"$or": [{"rating": 5}, {"year": 2019}]}),
        json!({"year": {"$in": []}, "$or": [{"year": {"$nin": []}}]}),
    ] {
        let expected = filter["year"]["$in"] != json!([]);
        assert_eq!(on(film(), filter.clone()), expected, "{filter}");
    }
    for filter in [
        json!({"$and": [{"genre": "comedy"}, {"genre": "drama"}]}),
        json!({"genre": {"$ne": "comedy"}}),
        json!({"genre": {"$nin": ["comedy"]}}),
        json!({"genre": {"$gt": 0}}),
        json!({"year": "2019"}),
        json!({"seen": 0}),
        json!({"n": false}),
        json!({"rating": {"$ne": 5}}),
        json!({"rating": {"$nin": [5]}}),
        json!({"rating": {"$lt": 5}}),
        json!({"rating": {"$not": {"$exists": false}}}),
    ] {
        assert!(!on(film(), filter.clone()), "{filter}");
    }
    // What float64 cannot tell apart is equal.
    assert!(on(json!({"n": 9_007_199_254_740_993u64}), json!({"n": 9_007_199_254_740_992u64})));
    assert!(
        on(json!({"n": -0.0}), json!({"n": {"$in": [0]}}))
            && on(json!({"n": 0}), json!({"n": {"$gte": -0.0, "$lte": -0.0}}))
    );
}

/// A search ends where it can, and passes over what stands between.
#[test]
fn lists_are_read_from_the_first_to_the_last() {
    let field = Key::of_field(b"a");
    let of = |n: f64| field.number(n).as_bytes().to_vec();
    for (values, keys) in [(255, 255), (256, 1)] {
        let list: Vec<_> = (0..values).map(|i| i * 2).collect();
        let query = Query::new(&parse(&json!({"a": {"$in": list}}).to_string()).unwrap()).unwrap();
        assert_eq!(query.keys().len(), keys);
        let key = &query.keys()[0];
        assert_eq!((key.from.as_bytes(), key.is_partial()), (&*of(0.0), keys == 1));
        assert_eq!(key.compare(&of(0.0)), Ordering::Equal);
        assert_eq!(key.compare(&of(1e9)), Ordering::Greater);
        if key.is_partial() {
            assert_eq!(key.compare(&of(1.0)), Ordering::Less);
            assert_eq!(key.compare(&of(510.0)), Ordering::Equal);
        }
    }
    let query =
        Query::new(&parse(r#"{"a": {"$gt": 1, "$lte": 5}, "b": {"$exists": true}}"#).unwrap()).unwrap();
    let (b, range) = (&query.keys()[0], &query.keys()[1]);
    let expected =
        [(1.0f64.next_up(), Ordering::Equal), (5.0, Ordering::Equal), (5.0f64.next_up(), Ordering::Greater)];
    for (number, order) in expected {
        assert_eq!(range.compare(&of(number)), order);
    }
    assert_eq!(b.compare(Key::of_field(b"b").bare().as_bytes()), Ordering::Equal);
    assert_eq!(b.compare(Key::of_field(b"c").bare().as_bytes()), Ordering::Greater);
}

#[test]
fn numbers_of_a_field_are_looked_up_once() {
    let keys = |filter: Json| {
        let query = Query::new(&parse(&filter.to_string()).unwrap()).unwrap();
        (query.keys().len(), query.needs_no_key().unwrap())
    };
    assert_eq!(
        keys(
            json!({"$and": [{"y": {"$gte": 1}}, {"$and": [{"y": {"$lt": 5, "$gt": 0}}]}], "y": {"$lte": 9}})
        ),
        (1, false)
    );
    assert_eq!(keys(json!({"y": {"$gt": 5, "$lt": 4}})), (0, false));
    assert_eq!(keys(json!({"a": {"$nin": ["x", "y"]}})), (3, false));
    assert_eq!(keys(json!({"a": {"$exists": false}})), (1, true));
    assert_eq!(keys(json!({"a": {"$exists": false}, "b": 1})), (2, false));
    assert_eq!(keys(json!({"a": {"$not": {"$eq": 1}}})), (1, true));
    assert_eq!(keys(json!({"a": {"$in": []}})), (0, false));
    assert_eq!(keys(json!({})), (0, true));
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "\\PC*", clause in "[\\[\\]{}\"$a:,0-9einorst.-]*") {
        for text in [&*text, &*clause] {
            let _ = parse(text);
            let _ = parse(&format!("{{{text}}}"));
            let _ = parse(&format!(r#"{{"a": {{"$in": [{text}]}}}}"#));
            let _ = parse(&format!(r#"{{"$or": [{{"a": {text}}}]}}"#));
        }
    }
}
