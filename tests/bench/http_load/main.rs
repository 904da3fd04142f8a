//! `http-load PORT FILE CONNECTIONS SECONDS`: sends the requests of a file, again and again, on so many connections, each as soon as
//! the last is answered. A request in the file has its length in bytes on a line ahead of it. Prints a JSON object: answers, those that
//! were not 200, and the median and mean of their microseconds.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [port, file, connections, seconds] = words.as_slice() else {
        return Err(io::Error::other("http-load PORT FILE CONNECTIONS SECONDS"));
    };
    let number = |text: &str| text.parse::<f64>().map_err(io::Error::other);
    let requests = requests(&std::fs::read(file)?)?;
    let (port, connections, seconds) =
        (number(port)? as u16, number(connections)? as usize, number(seconds)?);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let begin = Instant::now();
    let results: Vec<io::Result<Vec<(bool, f64)>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|n| {
                let requests = &requests;
                scope.spawn(move || work(port, requests, n, end))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a panic"))))
            .collect()
    });
    let taken = begin.elapsed().as_secs_f64();
    let mut all = vec![];
    for result in results {
        all.extend(result?);
    }
    let failed = all.iter().filter(|(is_ok, _)| !is_ok).count();
    let mut micros: Vec<f64> = all.iter().map(|(_, micros)| *micros).collect();
    micros.sort_by(f64::total_cmp);
    let mean = micros.iter().sum::<f64>() / micros.len().max(1) as f64;
    let median = micros.get(micros.len() / 2).copied().unwrap_or_default();
    println!(
        "{{\"count\": {}, \"failed\": {failed}, \"seconds\": {taken}, \"median\": {median}, \"mean\": {mean}}}",
        micros.len()
    );
    Ok(())
}

fn requests(mut file: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut found = vec![];
    while !file.is_empty() {
        let mut line = String::new();
        file.read_line(&mut line)?;
        let mut request = vec![0; line.trim().parse().map_err(io::Error::other)?];
        file.read_exact(&mut request)?;
        found.push(request);
    }
    Ok(found)
}

fn work(port: u16, requests: &[Vec<u8>], mut next: usize, end: Instant) -> io::Result<Vec<(bool, f64)>> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_nodelay(true)?;
    let (mut answers, mut buffer) = (vec![], vec![0; 1 << 16]);
    while Instant::now() < end {
        let begin = Instant::now();
        connection.write_all(&requests[next % requests.len()])?;
        next += 1;
        let is_ok = read(&mut connection, &mut buffer)?;
        answers.push((is_ok, begin.elapsed().as_secs_f64() * 1e6));
    }
    Ok(answers)
}

/// Reads an answer that has a length; whether it is 200.
fn read(connection: &mut TcpStream, buffer: &mut [u8]) -> io::Result<bool> {
    let mut got = 0;
    loop {
        let more = connection.read(&mut buffer[got..])?;
        if more == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        got += more;
        let Some(end) = buffer[..got].windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|length| length.parse().ok())
            .ok_or_else(|| io::Error::other("an answer without a length"))?;
        while got < end + 4 + length {
            let more = connection.read(&mut buffer[got..])?;
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            got += more;
        }
        return Ok(head.starts_with("http/1.1 200"));
    }
}
