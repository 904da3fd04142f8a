// `vector` and `halfvec` through the server's own calls: what SQL cannot pass (any bytes to the receive
// function, a corrupted value, also of the other types) and what would be slow in SQL (thousands of random inputs).

use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};

/// The OID that an expression gives.
fn oid(expression: &str) -> pg_sys::Oid {
    Spi::get_one(&format!("SELECT {expression}::oid")).expect("a query").expect("an OID")
}

/// The result of a call, or the SQLSTATE and the message of the error it raised. A panic fails the test.
fn outcome<T>(call: impl FnOnce() -> T) -> Result<T, (String, String)> {
    PgTryBuilder::new(std::panic::AssertUnwindSafe(|| Ok(call())))
        .catch_others(|error| match error {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => {
                Err((sqlstate(report.sql_error_code() as i32), report.message().to_string()))
            }
            CaughtError::RustPanic { ereport, .. } => panic!("{}", ereport.message()),
        })
        .execute()
}

/// The five characters of a packed SQLSTATE.
fn sqlstate(code: i32) -> String {
    (0..5).map(|i| char::from((((code >> (6 * i)) & 0x3f) as u8) + b'0')).collect()
}

/// A reproducible source of chance (xorshift).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn bytes(&mut self, n: u64) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// The functions of a type, called as the server calls them.
struct Type {
    name: &'static str,
    /// Bytes of an element.
    size: usize,
    input: pg_sys::Oid,
    output: pg_sys::Oid,
    receive: pg_sys::Oid,
    send: pg_sys::Oid,
}

#[allow(unsafe_code)]
impl Type {
    /// `vector` and `halfvec`.
    fn all() -> [Self; 2] {
        [("vector", 4), ("halfvec", 2)].map(|(name, size)| {
            let function = |what: &str| oid(&format!("'{name}_{what}'::regproc"));
            Self {
                name,
                size,
                input: function("in"),
                output: function("out"),
                receive: function("recv"),
                send: function("send"),
            }
        })
    }

    fn input(&self, text: &CStr, typmod: i32) -> pg_sys::Datum {
        // SAFETY: an input function, and a text that outlives the call.
        unsafe {
            pg_sys::OidInputFunctionCall(self.input, text.as_ptr().cast_mut(), pg_sys::InvalidOid, typmod)
        }
    }

    fn output(&self, datum: pg_sys::Datum) -> CString {
        // SAFETY: an output function, which returns a palloc'd cstring, and a vector.
        unsafe { CStr::from_ptr(pg_sys::OidOutputFunctionCall(self.output, datum)) }.to_owned()
    }

    /// The value, and how many bytes of the message were read.
    fn receive(&self, bytes: &[u8], typmod: i32) -> (pg_sys::Datum, usize) {
        // SAFETY: a receive function, and a message made as the server makes it.
        unsafe {
            let mut message = pg_sys::StringInfoData::default();
            pg_sys::initStringInfo(&mut message);
            pg_sys::appendBinaryStringInfo(&mut message, bytes.as_ptr().cast(), bytes.len() as i32);
            let datum =
                pg_sys::OidReceiveFunctionCall(self.receive, &mut message, pg_sys::InvalidOid, typmod);
            (datum, message.cursor as usize)
        }
    }

    fn send(&self, datum: pg_sys::Datum) -> Vec<u8> {
        // SAFETY: a send function, which returns a bytea, and a vector.
        unsafe { pgrx::varlena_to_byte_slice(pg_sys::OidSendFunctionCall(self.send, datum).cast()).to_vec() }
    }

    /// A datum of `size` bytes with these words behind the varlena's header, and zeros.
    fn forged(size: i32, words: [i16; 4]) -> pg_sys::Datum {
        // SAFETY: 64 bytes hold the header, the words and any size asked for here.
        unsafe {
            let value = pg_sys::palloc0(64).cast::<i16>();
            pgrx::set_varsize_4b(value.cast(), size);
            value.add(2).cast::<[i16; 4]>().write(words);
            pg_sys::Datum::from(value)
        }
    }

    /// Calls a function of one value, or of the same value twice.
    fn call(function: pg_sys::Oid, arguments: usize, datum: pg_sys::Datum) {
        let none = pg_sys::InvalidOid;
        // SAFETY: functions of as many values; the datum has a varlena's header.
        unsafe {
            match arguments {
                1 => pg_sys::OidFunctionCall1Coll(function, none, datum),
                _ => pg_sys::OidFunctionCall2Coll(function, none, datum, datum),
            };
        }
    }
}

#[pg_test]
fn vector_recv_survives_any_bytes() {
    Type::all().iter().for_each(survives_any_bytes);
}

fn survives_any_bytes(vector: &Type) {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..20_000 {
        // Every second message has a header that fits, so that the elements matter.
        let mut bytes = if round % 2 == 0 {
            let n = chance.below(40);
            chance.bytes(n)
        } else {
            let dim = chance.below(9) as u16;
            let n = chance.below(40);
            [&dim.to_be_bytes()[..], &[0, 0], &chance.bytes(n)].concat()
        };
        if round % 5 == 0 && bytes.len() >= 8 {
            bytes[4..8].copy_from_slice(&f32::NAN.to_be_bytes());
        }
        let typmod = if round % 7 == 0 { chance.below(9) as i32 } else { -1 };
        match outcome(|| vector.receive(&bytes, typmod)) {
            Ok((datum, read)) => {
                taken += 1;
                assert_eq!(read, 4 + vector.size * usize::from(bytes[1]), "cursor after {bytes:?}");
                assert_eq!(vector.send(datum), bytes[..read], "what was received");
            }
            Err((state, message)) => {
                refused += 1;
                assert!(["08P01", "22000", "54000"].contains(&&*state), "{state} {message} for {bytes:?}");
            }
        }
    }
    assert!(taken > 1000 && refused > 1000, "{taken} taken, {refused} refused");
}

#[pg_test]
fn vector_in_survives_any_text() {
    Type::all().iter().for_each(survives_any_text);
}

fn survives_any_text(vector: &Type) {
    const ANY: &[u8] = b"[[[]],,,,00123456789..eE+-  \txXpPinfaNIFty(){}\"\\\xc3\xa9";
    const LIKELY: &[u8] = b"0123456789,. ";
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..30_000 {
        let alphabet = if round % 3 == 0 { LIKELY } else { ANY };
        let n = chance.below(if round % 3 == 0 { 8 } else { 24 });
        let mut text: Vec<u8> =
            (0..n).map(|_| alphabet[chance.below(alphabet.len() as u64) as usize]).collect();
        if round % 3 < 2 {
            text = [b"[1,2", text.as_slice(), b"]"].concat();
        } else if round % 5 == 0 {
            let n = chance.below(30);
            text = chance.bytes(n);
        }
        text.retain(|&byte| byte != 0);
        // The server passes text in its encoding only.
        let text = CString::new(String::from_utf8_lossy(&text).into_owned()).expect("no zero byte");
        match outcome(|| vector.input(&text, -1)) {
            Ok(datum) => {
                taken += 1;
                let printed = vector.output(datum);
                assert_eq!(vector.output(vector.input(&printed, -1)), printed, "{text:?}");
            }
            Err((state, message)) => {
                refused += 1;
                assert!(["22P02", "22003", "22000"].contains(&&*state), "{state} {message} for {text:?}");
                assert!(message.contains(vector.name), "{message}");
            }
        }
    }
    assert!(taken > 1000 && refused > 1000, "{taken} taken, {refused} refused");
}

#[pg_test]
fn vector_text_gives_back_every_float() {
    let mut chance = Chance(0xda94_2042_e4dd_58b5);
    for vector in Type::all() {
        for _ in 0..2_000 {
            let dim = 1 + chance.below(20);
            let mut wire = [(dim as u16).to_be_bytes(), [0, 0]].concat();
            for _ in 0..dim {
                // No number in which all bits of the exponent are set is finite.
                let mut element = chance.bytes(vector.size as u64);
                if element[0] & 0x7c == 0x7c {
                    element[0] &= 0x83;
                }
                wire.extend(element);
            }
            let (datum, _) = vector.receive(&wire, dim as i32);
            let text = vector.output(datum);
            assert_eq!(vector.send(vector.input(&text, -1)), wire, "{text:?}");
        }
    }
}

/// Calls functions with forged values, the first of which is right and the others are not.
fn refuse_forged(name: &str, functions: &[(&str, usize)], forged: &[(i32, [i16; 4])]) {
    for (function, arguments) in functions {
        let function = oid(&format!("'{function}'::regprocedure"));
        for (i, &(size, words)) in forged.iter().enumerate() {
            match outcome(|| Type::call(function, *arguments, Type::forged(size, words))) {
                Ok(()) => assert_eq!(i, 0, "{name}: {size} bytes with {words:?}"),
                Err((state, message)) => {
                    assert!(i > 0, "{message}");
                    assert_eq!(state, "XX001");
                    assert!(message.starts_with(&format!("invalid {name}: ")), "{message}");
                }
            }
        }
    }
}

#[pg_test]
fn corrupted_values_are_refused() {
    let dims = |size: i32, dim: i16| (size, [dim, 0, 0, 0]);
    refuse_forged(
        "vector",
        &[("vector_dims(vector)", 1), ("vector_add(vector,vector)", 2), ("vector_out(vector)", 1)],
        &[(20, 3), (20, 2), (20, 4), (20, -3), (20, 0), (8, 0), (7, 1), (4, 1)].map(|(size, dim)| dims(size, dim)),
    );
    refuse_forged(
        "halfvec",
        &[("vector_dims(halfvec)", 1), ("halfvec_add(halfvec,halfvec)", 2), ("halfvec_out(halfvec)", 1)],
        &[(14, 3), (14, 2), (14, 4), (15, 3), (20, 3), (14, -3), (8, 0), (7, 1)].map(|(size, dim)| dims(size, dim)),
    );
    refuse_forged(
        "sparsevec",
        &[("l2_norm(sparsevec)", 1), ("l2_distance(sparsevec,sparsevec)", 2), ("sparsevec_out(sparsevec)", 1)],
        &[(24, 1), (24, 2), (24, 0), (24, -1), (25, 1), (16, 1), (15, 0), (4, 0)]
            .map(|(size, nnz)| (size, [5, 0, nnz, if nnz < 0 { -1 } else { 0 }])),
    );
    refuse_forged(
        "bit",
        &[("hamming_distance(bit,bit)", 2), ("jaccard_distance(bit,bit)", 2)],
        &[(10, [16, 0]), (10, [17, 0]), (10, [8, 0]), (10, [-1, -1]), (7, [0, 0]), (4, [0, 0])]
            .map(|(size, [low, high])| (size, [low, high, 0, 0])),
    );
}

#[pg_test]
fn errors_do_not_leak_into_the_next_call() {
    // A refused call in a function's exception block, thousands of times: nothing is left behind.
    Spi::run(
        "DO $$ BEGIN
            FOR i IN 1..3000 LOOP
                BEGIN
                    PERFORM '[1,2]'::vector <-> array_fill(1, ARRAY[1 + i % 3])::vector;
                    IF i % 3 <> 1 THEN RAISE 'accepted'; END IF;
                EXCEPTION WHEN data_exception THEN
                    IF SQLERRM <> format('different vector dimensions 2 and %s', 1 + i % 3) THEN RAISE; END IF;
                END;
            END LOOP;
        END $$",
    )
    .expect("the block");
    assert_eq!(Spi::get_one::<f64>("SELECT '[0,0]'::vector <-> '[3,4]'"), Ok(Some(5.0)));
}
