//! TLS towards clients. The files of certificate and key are looked at every some seconds, and when SIGHUP comes: new ones hold for
//! connections from then on. Files that cannot be used are told of in the log, and the ones before them stay in use.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

/// The lowest version of TLS that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate, and those that lead from it to a root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The lowest version.
    pub min_version: MinVersion,
}

/// What is known of the files that are in use.
struct Current {
    config: Arc<ServerConfig>,
    stamps: [Option<SystemTime>; 2],
}

/// The certificate that is in use.
pub struct Certificates {
    files: Files,
    current: RwLock<Current>,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// In words, which name the file.
    pub fn read(files: Files) -> Result<Self, String> {
        let current = Current { stamps: files.stamps(), config: Arc::new(files.config()?) };
        Ok(Self { files, current: RwLock::new(current) })
    }

    /// What accepts a connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        TlsAcceptor::from(current.config.clone())
    }

    /// Reads the files again if they have changed, or `always`. True if new ones are in use.
    ///
    /// # Errors
    /// In words; the certificate that was in use stays so.
    pub fn reload(&self, always: bool) -> Result<bool, String> {
        let stamps = self.files.stamps();
        let mut current = self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if current.stamps == stamps && !always {
            return Ok(false);
        }
        current.stamps = stamps; // what is wrong with them is said once
        current.config = Arc::new(self.files.config()?);
        Ok(true)
    }
}

impl Files {
    fn stamps(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|file| file.metadata().and_then(|data| data.modified()).ok())
    }

    fn config(&self) -> Result<ServerConfig, String> {
        let of = |file: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| of(&self.certificate, &error))?;
        if chain.is_empty() {
            return Err(of(&self.certificate, &"there is no certificate in it"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| of(&self.key, &error))?;
        let versions: &[_] = match self.min_version {
            MinVersion::Tls12 => &[&version::TLS13, &version::TLS12],
            MinVersion::Tls13 => &[&version::TLS13],
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| of(&self.certificate, &error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
