//! Rows inserted one by one from several connections at once, each row a transaction of its own.

use crate::vectors;
use crate::wire::{Address, Connection, Result};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

/// Runs STATEMENT, whose parameters are an id and a vector, for COUNT vectors of the file VECTORS from the FIRST
/// on, which are the ids too, spread over CLIENTS connections. Prints the seconds from the moment when all are
/// connected and have prepared the statement to the end of the last one.
///
/// # Errors
/// What the server says, a file that cannot be read or is too short, and arguments that are not those.
pub fn run(address: &Address, arguments: &[&str]) -> Result<()> {
    let &[clients, statement, path, first, count] = arguments else {
        return Err("insert wants CLIENTS STATEMENT VECTORS FIRST COUNT".into());
    };
    let (clients, first, count) =
        (clients.parse::<usize>()?, first.parse::<usize>()?, count.parse::<usize>()?);
    let vectors = vectors::read(path)?;
    if clients == 0 || first + count > vectors.len() {
        return Err(
            format!("{count} vectors from {first} on for {clients} clients, of {}", vectors.len()).into()
        );
    }
    let rows = first..first + count;
    let ready = Barrier::new(clients + 1);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..clients)
            .map(|client| {
                let (ready, vectors, mine) = (&ready, &vectors, rows.clone().skip(client).step_by(clients));
                scope.spawn(move || -> Result<()> {
                    // Who fails before the barrier must reach it all the same, or the others would wait for ever.
                    let prepared = Connection::open(address)
                        .and_then(|mut connection| connection.prepare(statement).map(|()| connection));
                    ready.wait();
                    let mut connection = prepared?;
                    for row in mine {
                        let id = i32::try_from(row)?.to_be_bytes();
                        connection.run(&[&id, &vectors[row]], |_| Ok(()))?;
                    }
                    Ok(())
                })
            })
            .collect();
        ready.wait();
        let begin = Instant::now();
        for worker in workers {
            worker.join().map_err(|_| "a client panicked")??;
        }
        println!("{:.9}", begin.elapsed().as_secs_f64());
        Ok(())
    })
}
