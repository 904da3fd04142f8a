//! The few messages of PostgreSQL's protocol, version 3, that a benchmark needs: startup without a password,
//! simple statements, and one prepared statement with binary parameters.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// What can go wrong here is fatal and only to be read by a person.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Where a server listens, and as whom to go to which database.
#[derive(Clone, Copy)]
pub struct Address<'a> {
    /// The directory of the server's socket; the port is 5432.
    pub socket: &'a str,
    /// The role, which must be trusted.
    pub user: &'a str,
    /// The database.
    pub database: &'a str,
}

const PROTOCOL: i32 = 3 << 16;
const BINARY: i16 = 1;

/// A connection, used by one statement at a time.
pub struct Connection {
    stream: UnixStream,
    process: i32,
    out: Vec<u8>,
    buffer: Vec<u8>,
    /// What of `buffer` is read from the server and not yet looked at.
    unread: std::ops::Range<usize>,
}

impl Connection {
    /// Opens a connection and waits until the server is ready.
    ///
    /// # Errors
    /// When there is no server, when it wants a password, and whatever it complains about.
    pub fn open(address: &Address) -> Result<Self> {
        let stream = UnixStream::connect(format!("{}/.s.PGSQL.5432", address.socket))?;
        let mut connection =
            Self { stream, process: 0, out: Vec::new(), buffer: vec![0; 1 << 16], unread: 0..0 };
        let mut body = PROTOCOL.to_be_bytes().to_vec();
        for text in ["user", address.user, "database", address.database, ""] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        connection.out.extend_from_slice(&length(body.len()).to_be_bytes());
        connection.out.extend_from_slice(&body);
        connection.exchange(|_| Ok(()))?;
        Ok(connection)
    }

    /// The number of the server's process at the other end.
    pub fn process(&self) -> i32 {
        self.process
    }

    /// Runs statements without parameters and drops their rows.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&mut self, statements: &str) -> Result<()> {
        let mut body = statements.as_bytes().to_vec();
        body.push(0);
        self.message(b'Q', &body);
        self.exchange(|_| Ok(()))
    }

    /// Prepares `statement`, in place of what was prepared before.
    ///
    /// # Errors
    /// What the server says.
    pub fn prepare(&mut self, statement: &str) -> Result<()> {
        self.message(b'C', b"Ss\0");
        let body = [b"s\0", statement.as_bytes(), b"\0", &0i16.to_be_bytes()].concat();
        self.message(b'P', &body);
        self.message(b'S', b"");
        self.exchange(|_| Ok(()))
    }

    /// Runs the prepared statement with parameters in binary form and calls `take` with the first column of each
    /// row, in binary form too.
    ///
    /// # Errors
    /// What the server says, and a NULL in the first column.
    pub fn run(&mut self, parameters: &[&[u8]], mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let start = self.out.len();
        self.out.extend_from_slice(b"B\0\0\0\0\0s\0"); // the unnamed portal for the statement s
        for word in [1, BINARY, count(parameters.len())] {
            self.out.extend_from_slice(&word.to_be_bytes());
        }
        for parameter in parameters {
            self.out.extend_from_slice(&i32::try_from(parameter.len())?.to_be_bytes());
            self.out.extend_from_slice(parameter);
        }
        for word in [1, BINARY] {
            self.out.extend_from_slice(&word.to_be_bytes());
        }
        let size = i32::try_from(self.out.len() - start - 1)?;
        self.out[start + 1..start + 5].copy_from_slice(&size.to_be_bytes());
        self.message(b'E', b"\0\0\0\0\0"); // all rows of the unnamed portal
        self.message(b'S', b"");
        self.exchange(|row| {
            // columns, length of the first one, the first one
            let size =
                row.get(2..6).and_then(|x| usize::try_from(i32::from_be_bytes(x.try_into().ok()?)).ok());
            take(size.and_then(|size| row.get(6..6 + size)).ok_or("the first column is NULL or missing")?)
        })
    }

    fn message(&mut self, kind: u8, body: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(&length(body.len()).to_be_bytes());
        self.out.extend_from_slice(body);
    }

    /// Sends all messages that wait, in one write, and reads until the server is ready again.
    fn exchange(&mut self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        let mut failure: Option<String> = None;
        loop {
            let (kind, body) = self.receive()?;
            match kind {
                b'D' => take(&self.buffer[body])?,
                b'K' => {
                    let number =
                        self.buffer[body].first_chunk().ok_or("the server tells no process number")?;
                    self.process = i32::from_be_bytes(*number);
                }
                b'E' => failure = Some(complaint(&self.buffer[body])),
                b'R' if self.buffer[body.clone()] != [0; 4] => {
                    return Err("the server wants a password".into());
                }
                b'Z' => return failure.map_or(Ok(()), |text| Err(text.into())),
                _ => {} // notices, parameters, completions
            }
            if kind == b'E' && failure.as_deref().is_some_and(|text| text.starts_with("FATAL")) {
                return Err(failure.unwrap_or_default().into());
            }
        }
    }

    /// The next message: its kind, and where its body lies in the buffer.
    fn receive(&mut self) -> Result<(u8, std::ops::Range<usize>)> {
        self.fill(5)?;
        let head = &self.buffer[self.unread.start..][..5];
        let size = usize::try_from(i32::from_be_bytes([head[1], head[2], head[3], head[4]]))? + 1;
        let kind = head[0];
        self.fill(size)?;
        let start = self.unread.start;
        self.unread.start += size;
        Ok((kind, start + 5..start + size))
    }

    /// Reads until `need` bytes wait.
    fn fill(&mut self, need: usize) -> Result<()> {
        if self.unread.len() >= need {
            return Ok(());
        }
        if self.unread.start + need > self.buffer.len() {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            if need > self.buffer.len() {
                self.buffer.resize(need.next_power_of_two(), 0);
            }
        }
        while self.unread.len() < need {
            match self.stream.read(&mut self.buffer[self.unread.end..])? {
                0 => return Err("the server closed the connection".into()),
                some => self.unread.end += some,
            }
        }
        Ok(())
    }
}

/// The length of a message as it stands in its head, which counts itself.
fn length(body: usize) -> i32 {
    i32::try_from(body + 4).expect("messages are shorter than 2 GB")
}

fn count(of: usize) -> i16 {
    i16::try_from(of).expect("a statement has a handful of parameters")
}

/// Severity and text of an ErrorResponse: fields of one letter and a string that ends in a zero.
fn complaint(body: &[u8]) -> String {
    let field = |letter: u8| {
        let field = body.split(|&byte| byte == 0).find(|field| field.first() == Some(&letter));
        String::from_utf8_lossy(field.map_or(&[], |field| &field[1..])).into_owned()
    };
    format!("{}: {} ({})", field(b'S'), field(b'M'), field(b'C'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_names_severity_text_and_code() {
        let body = b"SERROR\0VERROR\0C42P01\0Mrelation \"x\" does not exist\0P15\0\0";
        assert_eq!(complaint(body), "ERROR: relation \"x\" does not exist (42P01)");
        assert_eq!(complaint(b"\0"), ":  ()");
    }

    /// A peer that answers with `bytes` in the pieces given, whatever it is asked.
    fn answering(pieces: Vec<Vec<u8>>) -> Connection {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            for piece in pieces {
                theirs.write_all(&piece).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            theirs.read_to_end(&mut Vec::new()).unwrap(); // until we hang up: what was not read would be a reset
        });
        Connection { stream: ours, process: 0, out: Vec::new(), buffer: vec![0; 16], unread: 0..0 }
    }

    fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind], &length(body.len()).to_be_bytes()[..], body].concat()
    }

    fn row(column: &[u8]) -> Vec<u8> {
        framed(b'D', &[&1i16.to_be_bytes()[..], &(column.len() as i32).to_be_bytes(), column].concat())
    }

    #[test]
    fn rows_come_whole_however_they_are_cut() {
        let long = vec![7; 100]; // longer than the buffer
        let all =
            [framed(b'2', b""), row(b"abcd"), row(&long), row(b""), framed(b'C', b"x\0"), framed(b'Z', b"I")]
                .concat();
        for cut in 1..all.len() {
            let mut connection = answering(all.chunks(cut).map(<[u8]>::to_vec).collect());
            let mut rows = Vec::new();
            connection
                .run(&[b"param"], |column| {
                    rows.push(column.to_vec());
                    Ok(())
                })
                .unwrap();
            assert_eq!(rows, [b"abcd".to_vec(), long.clone(), Vec::new()], "cut every {cut} bytes");
        }
    }

    #[test]
    fn an_error_is_told_after_the_server_is_ready_again() {
        let all =
            [framed(b'E', b"SERROR\0C22000\0Mno\0\0"), framed(b'Z', b"I"), row(b"x"), framed(b'Z', b"I")]
                .concat();
        let mut connection = answering(vec![all]);
        assert_eq!(connection.execute("x").unwrap_err().to_string(), "ERROR: no (22000)");
        connection.execute("x").unwrap();
    }

    #[test]
    fn a_null_and_a_closed_connection_are_errors() {
        let null = [&1i16.to_be_bytes()[..], &(-1i32).to_be_bytes()].concat();
        let mut connection = answering(vec![framed(b'D', &null)]);
        assert!(connection.run(&[], |_| Ok(())).unwrap_err().to_string().contains("NULL"));
        let mut connection = answering(vec![framed(b'D', &[0, 0, 0])[..6].to_vec()]);
        assert!(connection.execute("x").unwrap_err().to_string().contains("closed"));
    }
}
