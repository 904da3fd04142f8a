//! A session, and the flight of messages that a request is.
//!
//! The messages are `BEGIN`, `pc_use_key`, the statement, Sync; then `COMMIT`, after writes the position in the write-ahead log, Sync.
//! They are sent at once and answered in order:
//!
//! - An error in any of the first skips those up to the Sync: a statement never runs without its key. `COMMIT` then rolls back.
//! - `BEGIN` comes before the key, so that the key's effect ends with the transaction, whatever happens.
//! - A statement is prepared, the first time in a session, in front of `BEGIN`: a name that is prepared stays so if the transaction
//!   fails.
//! - The session is used again only if the server says that no transaction is open.

use super::conninfo::{ConnInfo, Target};
use super::login::{APPLICATION, BackendKey, LoginError, log_in};
use super::params::{Params, Type};
use super::row::Row;
use super::server_error::ServerError;
use super::statement::{self, Statement};
use super::stream::{Address, Stream};
use super::wire;
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a transaction is to do.
#[derive(Debug, Clone)]
pub struct Call {
    /// The statement.
    pub statement: Statement,
    /// Its parameters.
    pub params: Params,
}

/// What a transaction has answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// The statement's rows.
    pub rows: Vec<Row>,
    /// Position in the write-ahead log: of reads, the one that the snapshot is not older than; of writes, the one behind the commit.
    pub lsn: i64,
}

/// Why a transaction has no answer.
#[derive(Debug)]
pub enum FlightError {
    /// The server's error.
    Server(ServerError),
    /// The rows have more bytes than are taken.
    TooLarge,
    /// The connection failed: what has become of the transaction is not known.
    Lost(io::Error),
}

impl From<io::Error> for FlightError {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// What a session knows of its database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Home {
    /// The extension's schema, quoted.
    pub schema: String,
    /// The extension's version.
    pub version: String,
    /// Whether it is a standby.
    pub is_standby: bool,
    vector: u32,
    sparse_vec: u32,
}

impl Home {
    fn oid(&self, of: Type) -> u32 {
        match of {
            Type::Vector => self.vector,
            Type::SparseVec => self.sparse_vec,
        }
    }
}

/// A session.
pub struct Session {
    stream: Stream,
    address: Address,
    key: BackendKey,
    read: BytesMut,
    write: Vec<u8>,
    prepared: [bool; statement::COUNT],
    home: Home,
    born: Instant,
    is_sound: bool,
}

/// How the parts of a flight are numbered, by the portals that have been bound so far.
mod part {
    pub const USE_KEY: usize = 2;
    pub const STATEMENT: usize = 3;
    pub const COMMIT: usize = 4;
    pub const LSN: usize = 5;
}

const BEGIN: &str = "b";
const USE_KEY: &str = "k";
const COMMIT: &str = "c";
const LSN: &str = "l";

impl Session {
    /// Connects to the first of the servers that answers as wanted, and prepares what every request needs.
    ///
    /// # Errors
    /// If none does: with what the last one said.
    pub async fn open(info: &ConnInfo, statement_timeout: Duration) -> Result<Self, LoginError> {
        let mut failure = LoginError::Failed(io::Error::other("no server is named"));
        for server in &info.servers {
            let opening = async {
                let (stream, address) = Stream::connect(info, server).await?;
                Self::begin(stream, address, info, statement_timeout).await
            };
            match tokio::time::timeout(info.connect_timeout, opening).await {
                Ok(Ok(session)) if info.target == Target::ReadWrite && session.home.is_standby => {
                    failure = LoginError::Failed(io::Error::other(format!("{} is a standby", server.host)));
                }
                Ok(Ok(session)) => return Ok(session),
                Ok(Err(error)) => failure = error,
                Err(_) => {
                    let message = format!("{} does not answer in {:?}", server.host, info.connect_timeout);
                    failure = LoginError::Failed(io::Error::new(io::ErrorKind::TimedOut, message));
                }
            }
        }
        Err(failure)
    }

    async fn begin(
        mut stream: Stream,
        address: Address,
        info: &ConnInfo,
        statement_timeout: Duration,
    ) -> Result<Self, LoginError> {
        let key = log_in(&mut stream, info).await?;
        let mut session = Self {
            stream,
            address,
            key,
            read: BytesMut::with_capacity(16 * 1024),
            write: Vec::with_capacity(16 * 1024),
            prepared: [false; statement::COUNT],
            home: Home::default(),
            born: Instant::now(),
            is_sound: true,
        };
        let lost = |error| match error {
            FlightError::Server(error) => LoginError::Refused(error),
            FlightError::Lost(error) => LoginError::Failed(error),
            FlightError::TooLarge => {
                LoginError::Failed(io::Error::other("the database answers with too many bytes"))
            }
        };
        let timeout = statement_timeout.as_millis();
        wire::query(&mut session.write, &format!("SET statement_timeout = {timeout}"));
        session.round_trip(0).await.map_err(lost)?;
        wire::query(&mut session.write, statement::HOME);
        let rows = session.round_trip(64 * 1024).await.map_err(lost)?;
        let not_there = || LoginError::Failed(io::Error::other("the database has no extension conifer"));
        let row = rows.first().ok_or_else(not_there)?;
        let cells = row.cells::<5>().map_err(|failure| LoginError::Failed(io::Error::other(failure)))?;
        let [schema, version, is_standby, vector, sparse_vec] =
            cells.map(|cell| cell.text().ok().flatten().unwrap_or_default().to_owned());
        session.home = Home {
            schema,
            version,
            is_standby: is_standby == "true",
            vector: vector.parse().map_err(|_| not_there())?,
            sparse_vec: sparse_vec.parse().map_err(|_| not_there())?,
        };
        for (name, sql) in [
            (BEGIN, statement::BEGIN.to_owned()),
            (USE_KEY, statement::use_key(&session.home.schema)),
            (COMMIT, statement::COMMIT.to_owned()),
            (LSN, statement::lsn()),
        ] {
            wire::parse(&mut session.write, name, &sql);
        }
        wire::sync(&mut session.write);
        session.round_trip(0).await.map_err(lost)?;
        Ok(session)
    }

    /// What it knows of its database.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// How old it is.
    pub fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// Whether it can take a request: no transaction is open, and the server has not ended it.
    pub fn is_usable(&self) -> bool {
        self.is_sound && self.read.is_empty() && self.stream.is_quiet()
    }

    /// Runs a transaction as a key. `application` is the session's name meanwhile.
    ///
    /// Being dropped on the way leaves the session unusable.
    ///
    /// # Errors
    /// If the server reports one, the rows have more than `max_bytes`, or the connection fails.
    pub async fn transaction(
        &mut self,
        key: &str,
        application: &str,
        call: &mut Call,
        max_bytes: usize,
    ) -> Result<Answer, FlightError> {
        let out = &mut self.write;
        out.clear();
        let (name, number) = (call.statement.name(), call.statement.number());
        if !self.prepared[number] {
            wire::parse(out, &name, &call.statement.sql(&self.home.schema));
        }
        wire::execute(out, BEGIN, 0, &[]);
        let mut params = Params::new().text(key).text(application);
        wire::execute(out, USE_KEY, params.count(), params.bytes(|_| 0));
        let count = call.params.count();
        wire::execute(out, &name, count, call.params.bytes(|of| self.home.oid(of)));
        wire::sync(out);
        wire::execute(out, COMMIT, 0, &[]);
        if call.statement.writes() {
            wire::execute(out, LSN, 0, &[]);
        }
        wire::sync(out);

        self.is_sound = false;
        let result = self.flight(number, max_bytes).await;
        // A large request's memory is not kept for small ones.
        self.write.clear();
        self.write.shrink_to(64 * 1024);
        if let Err(FlightError::Server(error)) = &result
            && error.spoils_session()
        {
            self.is_sound = false;
        }
        result
    }

    /// Sends what is to be sent and reads the answers up to the second ReadyForQuery.
    async fn flight(&mut self, number: usize, max_bytes: usize) -> Result<Answer, FlightError> {
        self.send().await?;
        let mut answer = Answer::default();
        let (mut bound, mut bytes, mut ready) = (0, 0, 0);
        let mut is_committed = false;
        let mut error = None;
        loop {
            let (tag, body) = self.receive().await?;
            match tag {
                b'1' => self.prepared[number] = true,
                b'2' => bound += 1,
                b'D' => match bound {
                    part::USE_KEY => answer.lsn = position(&body, 2)?,
                    part::STATEMENT => {
                        bytes += body.len();
                        if bytes <= max_bytes {
                            answer.rows.push(Row::new(body));
                        } else {
                            answer.rows = vec![]; // the rest is read and dropped
                        }
                    }
                    part::LSN => answer.lsn = position(&body, 0)?,
                    _ => {}
                },
                b'C' if bound == part::COMMIT => is_committed = &body[..] == b"COMMIT\0",
                b'E' => {
                    error.get_or_insert_with(|| ServerError::parse(&body));
                    // What was skipped was not bound: the next that is, is COMMIT.
                    bound = part::COMMIT - 1;
                }
                b'Z' => {
                    ready += 1;
                    if ready == 2 {
                        self.is_sound = &body[..] == b"I";
                        break;
                    }
                }
                _ => {}
            }
        }
        match error {
            Some(error) => Err(FlightError::Server(error)),
            None if !is_committed => {
                self.is_sound = false;
                Err(FlightError::Lost(io::Error::other("the transaction was not committed")))
            }
            None if bytes > max_bytes => Err(FlightError::TooLarge),
            None => Ok(answer),
        }
    }

    /// Sends what is to be sent, one simple query or one Sync, and reads its rows.
    async fn round_trip(&mut self, max_bytes: usize) -> Result<Vec<Row>, FlightError> {
        self.send().await?;
        self.write.clear();
        let (mut rows, mut bytes, mut error) = (vec![], 0, None);
        loop {
            let (tag, body) = self.receive().await?;
            match tag {
                b'D' => {
                    bytes += body.len();
                    if bytes > max_bytes {
                        return Err(FlightError::TooLarge);
                    }
                    rows.push(Row::new(body));
                }
                b'E' => error = Some(ServerError::parse(&body)),
                b'Z' => break,
                _ => {}
            }
        }
        error.map_or(Ok(rows), |error| Err(FlightError::Server(error)))
    }

    async fn send(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.write).await?;
        self.stream.flush().await
    }

    async fn receive(&mut self) -> io::Result<(u8, Bytes)> {
        loop {
            if let Some(message) = wire::next(&mut self.read)? {
                return Ok(message);
            }
            if self.read.capacity() - self.read.len() < 4096 {
                self.read.reserve(16 * 1024);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the database has closed the connection",
                ));
            }
        }
    }

    /// What cancels the session's statement.
    pub fn canceller(&self) -> Canceller {
        Canceller { address: self.address.clone(), key: self.key }
    }

    /// After a cancellation: a round trip that takes the signal, should it come late, so that no other request gets it.
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn settle(&mut self) -> Result<(), FlightError> {
        let was_sound = std::mem::replace(&mut self.is_sound, false);
        wire::query(&mut self.write, "SELECT 1");
        match self.round_trip(1024).await {
            Ok(_) | Err(FlightError::Server(_)) => {
                self.is_sound = was_sound;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Says good-bye.
    pub async fn close(mut self) {
        self.write.clear();
        wire::terminate(&mut self.write);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.send()).await;
    }
}

/// The number in a column of a row.
fn position(body: &Bytes, column: usize) -> io::Result<i64> {
    let malformed =
        || io::Error::new(io::ErrorKind::InvalidData, "a row of the database is not of the expected form");
    let mut rest = body.clone();
    rest.try_get_u16().map_err(|_| malformed())?;
    for _ in 0..column {
        let length = rest.try_get_i32().map_err(|_| malformed())?;
        let length = usize::try_from(length).unwrap_or(0);
        if length > rest.len() {
            return Err(malformed());
        }
        rest.advance(length);
    }
    match rest.try_get_i32() {
        Ok(8) => rest.try_get_i64().map_err(|_| malformed()),
        Ok(-1) => Ok(0), // a standby that has applied nothing
        _ => Err(malformed()),
    }
}

/// What cancels a session's statement.
pub struct Canceller {
    address: Address,
    key: BackendKey,
}

impl Canceller {
    /// Cancels it. When this is done, the signal is on its way.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub async fn cancel(&self) -> io::Result<()> {
        self.address.send(&wire::cancel(self.key.process, self.key.secret)).await
    }
}

/// The name of a session while it works for a request.
pub fn application(request_id: &str) -> String {
    format!("{APPLICATION} {request_id}")
}
