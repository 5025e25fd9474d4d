//! Where the server is and how long to wait for it.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::StoreError;

/// The database that is used unless another is named.
pub const DEFAULT_DATABASE: &str = "aftercare";

/// Where the server is, who we are there, and how long to wait for it. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    url: Url,
    user: Option<String>,
    password: Option<SecretString>,
    database: String,
    /// Limit for one insert, from its first byte to its acknowledgement.
    pub insert_timeout: Duration,
    /// Limit for one query or statement.
    pub query_timeout: Duration,
}

impl Config {
    /// The server at `url`, `http://HOST:PORT` or `https://HOST:PORT`. A user and password in the URL count as
    /// [`with_user`](Self::with_user) and are taken out of it. Certificates are checked against the system's; the
    /// environment's `SSL_CERT_FILE` or `SSL_CERT_DIR` name others.
    ///
    /// # Errors
    /// [`StoreError::Config`] when it is no such URL.
    pub fn new(url: &str) -> Result<Config, StoreError> {
        // the parser's words, never the URL itself: there may be a password in it
        let mut url = Url::parse(url).map_err(|error| StoreError::Config(format!("URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(StoreError::Config("URL: neither http://HOST:PORT nor https://HOST:PORT".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(StoreError::Config("URL: parameters are not passed on; leave them out".to_owned()));
        }
        let decode = |text: &str| percent_decode(text);
        let user = Some(url.username()).filter(|user| !user.is_empty()).map(decode);
        let password = url.password().map(decode).map(SecretString::from);
        let cleaned = url.set_username("").and_then(|()| url.set_password(None));
        if cleaned.is_err() {
            return Err(StoreError::Config("URL: no place for a user".to_owned()));
        }
        Ok(Config {
            url,
            user,
            password,
            database: DEFAULT_DATABASE.to_owned(),
            insert_timeout: Duration::from_secs(60),
            query_timeout: Duration::from_secs(60),
        })
    }

    /// Who we are there.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>, password: impl Into<SecretString>) -> Config {
        self.user = Some(user.into());
        self.password = Some(password.into());
        self
    }

    /// Another database than [`DEFAULT_DATABASE`].
    ///
    /// # Errors
    /// [`StoreError::Config`] for a name that would need quoting, or `default`, which a server may have filled with
    /// other things.
    pub fn with_database(mut self, database: &str) -> Result<Config, StoreError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if database.is_empty() || !database.chars().all(plain) || database == "default" {
            return Err(StoreError::Config(
                "database: letters, digits and _ only, and not \"default\"".to_owned(),
            ));
        }
        database.clone_into(&mut self.database);
        Ok(self)
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Scheme, host and port, for messages.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// A client that names no database, for the time before it exists.
    pub(crate) fn client(&self) -> clickhouse::Client {
        let mut client = clickhouse::Client::default()
            .with_url(self.url.as_str())
            .with_product_info("aftercare", env!("CARGO_PKG_VERSION"));
        if let Some(user) = &self.user {
            client = client.with_user(user);
        }
        if let Some(password) = &self.password {
            client = client.with_password(password.expose_secret());
        }
        client
    }
}

/// What stands in the user part of a URL, as it was before it was encoded.
fn percent_decode(text: &str) -> String {
    url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
        .map(|(key, _)| key.into_owned())
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_the_url_is_taken_out_and_never_shown() {
        let config = Config::new("https://sink:p%40ss+w=o%26rd@db.example:8443").unwrap();
        assert_eq!(config.user.as_deref(), Some("sink"));
        assert_eq!(config.password.as_ref().unwrap().expose_secret(), "p@ss+w=o&rd");
        assert_eq!(config.origin(), "https://db.example:8443");
        for shown in [format!("{config:?}"), format!("{:?}", config.client())] {
            assert!(!shown.contains("p@ss") && !shown.contains("p%40ss"), "{shown}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_the_url() {
        for url in
            ["http://u:hunter2@", "tcp://u:hunter2@host:9000", "u:hunter2@host", "http://u:hunter2@h/?a=b"]
        {
            let error = Config::new(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_database_name_needs_no_quoting() {
        let config = Config::new("http://127.0.0.1:8123").unwrap();
        assert_eq!(config.clone().with_database("aftercare_2").unwrap().database(), "aftercare_2");
        for name in ["", "a b", "a;b", "a`b", "default"] {
            assert!(config.clone().with_database(name).is_err(), "{name}");
        }
    }
}
