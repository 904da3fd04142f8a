//! One connection, which says `ok` and the number of the server's process when it is open. It obeys lines, each a verb
//! and an argument, and answers each with `ok` and perhaps a number:
//!
//! | line | what | answer after `ok` |
//! |---|---|---|
//! | `sql STATEMENTS` | runs them, without parameters | |
//! | `vectors FILE` | reads the vectors that the next lines use | how many |
//! | `prepare STATEMENT` | prepares it; its one parameter is a vector | |
//! | `numbers TIMES FILE` | runs it so many times for every vector, writes the last answers | seconds for all |
//! | `texts FILE` | the same, once, for a statement whose first column is text | seconds for all |
//!
//! `numbers` writes for each vector the nanoseconds it took the last time and the count of rows as u32, then the rows'
//! first column, an integer, as i32, all little-endian. `texts` writes each row's text and a zero byte.
//! Errors end the program.

use crate::vectors;
use crate::wire::{Address, Connection, Result};
use std::fs;
use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant};

/// Obeys the lines of standard input until it ends.
///
/// # Errors
/// What the server says, files that cannot be read or written, lines that are no commands.
pub fn run(address: &Address) -> Result<()> {
    let mut connection = Connection::open(address)?;
    let mut queries = Vec::new();
    tell(&connection.process().to_string())?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match verb {
            "sql" => connection.execute(argument).map(|()| String::new())?,
            "prepare" => connection.prepare(argument).map(|()| String::new())?,
            "vectors" => {
                queries = vectors::read(argument)?;
                queries.len().to_string()
            }
            "numbers" => {
                let (times, path) = argument.split_once(' ').ok_or("numbers wants TIMES FILE")?;
                seconds(numbers(&mut connection, &queries, times.parse()?, path)?)
            }
            "texts" => seconds(texts(&mut connection, &queries, argument)?),
            _ => return Err(format!("there is no command {verb}").into()),
        };
        tell(&answer)?;
    }
    Ok(())
}

fn tell(answer: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "ok {answer}")?;
    Ok(out.flush()?)
}

fn seconds(time: Duration) -> String {
    format!("{:.9}", time.as_secs_f64())
}

fn numbers(connection: &mut Connection, queries: &[Vec<u8>], times: usize, path: &str) -> Result<Duration> {
    let mut answers: Vec<(u32, Vec<i32>)> = Vec::with_capacity(times * queries.len());
    let begin = Instant::now();
    for query in (0..times).flat_map(|_| queries) {
        let start = Instant::now();
        let mut rows = Vec::with_capacity(128);
        connection.run(&[query], |column| {
            rows.push(i32::from_be_bytes(column.try_into().map_err(|_| "the first column is no integer")?));
            Ok(())
        })?;
        answers.push((u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX), rows));
    }
    let all = begin.elapsed();
    let mut file = Vec::new();
    for (time, rows) in &answers[answers.len().saturating_sub(queries.len())..] {
        file.extend_from_slice(&time.to_le_bytes());
        file.extend_from_slice(&u32::try_from(rows.len())?.to_le_bytes());
        file.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
    }
    fs::write(path, file)?;
    Ok(all)
}

fn texts(connection: &mut Connection, queries: &[Vec<u8>], path: &str) -> Result<Duration> {
    let mut file = Vec::new();
    let begin = Instant::now();
    for query in queries {
        connection.run(&[query], |column| {
            file.extend_from_slice(column);
            file.push(0);
            Ok(())
        })?;
    }
    let all = begin.elapsed();
    fs::write(path, file)?;
    Ok(all)
}
