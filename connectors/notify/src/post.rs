//! One POST over one fresh connection: to an address that was looked up once and passed the guard, without redirects,
//! within limits of time and size.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::guard::{Allowed, refusal};

/// The largest head of a reply that is read, bytes; its body is not read at all.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Why a POST did not succeed. Says nothing of what was sent, and repeats nothing that was received.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The URL names something that nothing is sent to.
    #[error("refuse to connect: {0}")]
    Refused(&'static str),
    /// The name has no address now.
    #[error("look up the name")]
    Lookup(#[source] io::Error),
    /// Nobody listens there.
    #[error("connect")]
    Connect(#[source] io::Error),
    /// The certificate is not good for the name, or there is no agreement on how to encrypt.
    #[error("agree on TLS")]
    Tls(#[source] native_tls::Error),
    /// The connection broke, or what came back is not HTTP.
    #[error("exchange HTTP")]
    Http(#[from] hyper::Error),
    /// The request cannot be built: a header that is none.
    #[error("build the request")]
    Request(#[from] hyper::http::Error),
    /// OpenSSL refuses to sign it.
    #[error("sign the request")]
    Sign(#[from] openssl::error::ErrorStack),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// Another status than 200 to 299; redirects are not followed.
    #[error("answered with status {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// How long the receiver asks us to wait, ms.
        retry_after_ms: Option<u64>,
    },
}

impl PostError {
    /// One word for a metric's label.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Lookup(_) => "lookup",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Http(_) | Self::Request(_) => "http",
            Self::Sign(_) => "sign",
            Self::Timeout => "timeout",
            Self::Status { .. } => "status",
        }
    }

    /// All words of `reason`.
    pub(crate) const REASONS: [&str; 8] =
        ["refused", "lookup", "connect", "tls", "http", "sign", "timeout", "status"];
}

/// Sends requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Poster {
    allowed: Allowed,
    timeout: Duration,
    tls: native_tls::TlsConnector,
}

impl Poster {
    /// One that connects to public addresses and those `allowed`, and gives each request this long in all.
    /// Certificates are judged by the system's list, or the one that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// When there is no such list.
    pub fn new(allowed: Allowed, timeout: Duration) -> Result<Self, native_tls::Error> {
        Ok(Self { allowed, timeout, tls: native_tls::TlsConnector::new()? })
    }

    /// Posts `body`; an answer from 200 to 299 is success.
    ///
    /// # Errors
    /// Everything else.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<(), PostError> {
        match tokio::time::timeout(self.timeout, self.exchange(url, headers, body)).await {
            Ok(done) => done,
            Err(_elapsed) => Err(PostError::Timeout),
        }
    }

    async fn exchange(&self, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<(), PostError> {
        let address = self.address(url).await?;
        let stream = TcpStream::connect(address).await.map_err(PostError::Connect)?;
        let request = request(url, headers, body)?;
        if url.scheme() == "https" {
            let name = url.host_str().unwrap_or_default();
            let tls = tokio_native_tls::TlsConnector::from(self.tls.clone());
            let name = name.trim_start_matches('[').trim_end_matches(']');
            send(tls.connect(name, stream).await.map_err(PostError::Tls)?, request).await
        } else {
            send(stream, request).await
        }
    }

    /// The one address that will be connected to.
    async fn address(&self, url: &Url) -> Result<SocketAddr, PostError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PostError::Refused("a user or password in the URL"));
        }
        let port = url.port_or_known_default().unwrap_or(0);
        let found: Vec<SocketAddr> = match url.host() {
            None => return Err(PostError::Refused("no host in the URL")),
            Some(Host::Ipv4(address)) => vec![SocketAddr::from((address, port))],
            Some(Host::Ipv6(address)) => vec![SocketAddr::from((address, port))],
            Some(Host::Domain(name)) => {
                tokio::net::lookup_host((name, port)).await.map_err(PostError::Lookup)?.collect()
            }
        };
        let mut refused = "the name has no address";
        for address in found {
            match self.refusal(url.scheme(), address.ip()) {
                None => return Ok(address),
                Some(why) => refused = why,
            }
        }
        Err(PostError::Refused(refused))
    }

    fn refusal(&self, scheme: &str, address: IpAddr) -> Option<&'static str> {
        match scheme {
            "https" => refusal(address, &self.allowed),
            "http" if self.allowed.holds(address) => None,
            "http" => Some("http without TLS goes to allowed networks only"),
            _ => Some("neither https nor http"),
        }
    }
}

fn request(url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Request<Full<Bytes>>, PostError> {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut request = Request::post(path).header(HOST, host).body(Full::new(Bytes::from(body)))?;
    request.headers_mut().extend(headers);
    Ok(request)
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(), PostError> {
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream)).await?;
    let mut connection = std::pin::pin!(connection);
    let mut reply = std::pin::pin!(sender.send_request(request));
    let reply = tokio::select! {
        reply = &mut reply => reply?,
        // The receiver may hang up as soon as it has answered; and where the connection broke, the reply says so too.
        _ended = &mut connection => reply.await?,
    };
    if reply.status().is_success() {
        return Ok(());
    }
    let asked = reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after_ms = asked.and_then(|value| value.parse::<u64>().ok()).map(|s| s.saturating_mul(1000));
    Err(PostError::Status { status: reply.status(), retry_after_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_url_leads_to_is_judged() {
        let allowed = Allowed(vec!["10.9.0.0/16".parse().unwrap()]);
        let poster = Poster::new(allowed, Duration::from_secs(1)).unwrap();
        let refused = [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/latest/meta-data",
            "https://169.254.169.254/latest/meta-data",
            "https://10.8.0.1/",
            "https://user@1.1.1.1/",
            "http://1.1.1.1/",
            "ftp://1.1.1.1/",
        ];
        for url in refused {
            let found = poster.address(&url.parse().unwrap()).await;
            assert!(matches!(found, Err(PostError::Refused(_))), "{url}: {found:?}");
        }
        for (url, address) in [
            ("https://1.1.1.1/a", "1.1.1.1:443"),
            ("https://10.9.0.1:8443/", "10.9.0.1:8443"),
            ("http://10.9.0.1/", "10.9.0.1:80"),
        ] {
            assert_eq!(poster.address(&url.parse().unwrap()).await.unwrap(), address.parse().unwrap());
        }
    }

    #[test]
    fn a_request_names_its_host_and_keeps_its_query() {
        let url = "https://example.org:8443/hooks/a?b=c#d".parse().unwrap();
        let request = request(&url, HeaderMap::new(), b"{}".to_vec()).unwrap();
        assert_eq!(request.uri(), "/hooks/a?b=c");
        assert_eq!(request.headers()[HOST], "example.org:8443");
    }
}
