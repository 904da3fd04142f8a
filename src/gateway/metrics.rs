//! Metrics in Prometheus' text format.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the histograms' buckets, in seconds.
const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Classes of status: 2xx, 4xx, 5xx.
const CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];

/// A histogram of seconds.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let mut count = 0;
        for (place, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            let bound = BOUNDS.get(place).map_or("+Inf".to_owned(), f64::to_string);
            let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(out, "{name}_sum{braced} {}", self.micros.load(Ordering::Relaxed) as f64 / 1e6);
        let _ = writeln!(out, "{name}_count{braced} {count}");
    }

    fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }
}

/// What is counted of one operation.
#[derive(Debug, Default)]
struct Operation {
    statuses: [AtomicU64; CLASSES.len()],
    seconds: Histogram,
}

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    names: &'static [&'static str],
    operations: Vec<Operation>,
    wait: Histogram,
    database: Histogram,
    cancelled: AtomicU64,
    connections: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// Numbers that others keep.
#[derive(Debug, Clone, Copy)]
pub struct Gauges {
    /// Sessions that work.
    pub working: usize,
    /// Sessions that there may be.
    pub sessions: usize,
    /// Requests that wait for one.
    pub waiting: usize,
    /// Sessions opened since the start.
    pub opened: u64,
    /// Bytes of requests in memory.
    pub buffered: usize,
}

/// Counts a connection, as long as it is open.
pub struct Connection<'a>(&'a Metrics);

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Nothing yet, of operations of these names.
    pub fn new(names: &'static [&'static str]) -> Self {
        Self {
            names,
            operations: names.iter().map(|_| Operation::default()).collect(),
            wait: Histogram::default(),
            database: Histogram::default(),
            cancelled: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        }
    }

    /// A request has been answered.
    pub fn request(&self, operation: usize, status: u16, time: Duration, bytes_in: usize, bytes_out: usize) {
        let Some(operation) = self.operations.get(operation) else { return };
        let class = match status {
            ..400 => 0,
            400..500 => 1,
            _ => 2,
        };
        operation.statuses[class].fetch_add(1, Ordering::Relaxed);
        operation.seconds.observe(time);
        self.bytes_in.fetch_add(bytes_in as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out as u64, Ordering::Relaxed);
    }

    /// A request has waited for a session.
    pub fn waited(&self, time: Duration) {
        self.wait.observe(time);
    }

    /// A transaction has ended.
    pub fn transaction(&self, time: Duration) {
        self.database.observe(time);
    }

    /// A statement was cancelled, because its client went away.
    pub fn cancelled(&self) {
        self.cancelled.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is open as long as what this returns.
    pub fn connection(&self) -> Connection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connection(self)
    }

    /// All of it, as Prometheus reads it.
    pub fn text(&self, gauges: Gauges) -> String {
        let mut out = String::with_capacity(16 * 1024);
        let mut family = |name: &str, kind: &str, help: &str| {
            let _ =
                write!(out, "# HELP conifer_gateway_{name} {help}\n# TYPE conifer_gateway_{name} {kind}\n");
            std::mem::take(&mut out)
        };
        let mut text = family("requests_total", "counter", "Requests answered.");
        for (name, operation) in self.names.iter().zip(&self.operations) {
            for (class, count) in CLASSES.iter().zip(&operation.statuses) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let _ = writeln!(
                        text,
                        "conifer_gateway_requests_total{{operation=\"{name}\",status=\"{class}\"}} {count}"
                    );
                }
            }
        }
        text += &family("request_seconds", "histogram", "From a request's head to its answer.");
        for (name, operation) in self.names.iter().zip(&self.operations) {
            if operation.seconds.count() > 0 {
                let labels = format!("operation=\"{name}\"");
                operation.seconds.write(&mut text, "conifer_gateway_request_seconds", &labels);
            }
        }
        text += &family("wait_seconds", "histogram", "What requests wait for a session.");
        self.wait.write(&mut text, "conifer_gateway_wait_seconds", "");
        text += &family("transaction_seconds", "histogram", "What transactions take.");
        self.database.write(&mut text, "conifer_gateway_transaction_seconds", "");
        for (name, kind, help, value) in [
            (
                "connections",
                "gauge",
                "Open connections of clients.",
                self.connections.load(Ordering::Relaxed),
            ),
            ("sessions_working", "gauge", "Sessions that run a transaction.", gauges.working as u64),
            ("sessions_max", "gauge", "Sessions that there may be.", gauges.sessions as u64),
            ("sessions_opened_total", "counter", "Sessions opened.", gauges.opened),
            ("waiting", "gauge", "Requests that wait for a session.", gauges.waiting as u64),
            ("buffered_bytes", "gauge", "Bytes of requests in memory.", gauges.buffered as u64),
            (
                "cancelled_total",
                "counter",
                "Statements cancelled for clients that went away.",
                self.cancelled.load(Ordering::Relaxed),
            ),
            (
                "request_bytes_total",
                "counter",
                "Bytes of requests' bodies.",
                self.bytes_in.load(Ordering::Relaxed),
            ),
            (
                "response_bytes_total",
                "counter",
                "Bytes of answers' bodies.",
                self.bytes_out.load(Ordering::Relaxed),
            ),
        ] {
            text += &family(name, kind, help);
            let _ = writeln!(text, "conifer_gateway_{name} {value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted() {
        let metrics = Metrics::new(&["query", "upsert"]);
        metrics.request(0, 200, Duration::from_micros(700), 10, 20);
        metrics.request(0, 404, Duration::from_secs(60), 0, 0);
        metrics.request(9, 200, Duration::ZERO, 0, 0);
        let open = metrics.connection();
        let gauges = Gauges { working: 1, sessions: 4, waiting: 2, opened: 3, buffered: 5 };
        let text = metrics.text(gauges);
        for line in [
            "conifer_gateway_requests_total{operation=\"query\",status=\"2xx\"} 1",
            "conifer_gateway_requests_total{operation=\"query\",status=\"4xx\"} 1",
            "conifer_gateway_request_seconds_bucket{operation=\"query\",le=\"0.001\"} 1",
            "conifer_gateway_request_seconds_bucket{operation=\"query\",le=\"+Inf\"} 2",
            "conifer_gateway_connections 1",
            "conifer_gateway_sessions_max 4",
            "conifer_gateway_request_bytes_total 10",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
        assert!(!text.contains("upsert"));
        drop(open);
        assert!(metrics.text(gauges).contains("conifer_gateway_connections 0"));
    }
}
