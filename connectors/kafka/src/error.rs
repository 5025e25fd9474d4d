//! Why Kafka did not do what was asked.

use std::ffi::CStr;

use aftercare_stream::log::LogError;
use rdkafka::error::{KafkaError, RDKafkaError, RDKafkaErrorCode};
use rdkafka_sys as sys;

/// Why a call to Kafka failed. A dependency's fault unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum KafkaFault {
    /// Kafka's own answer, with what was being done.
    #[error("{doing}: {source}")]
    Kafka {
        /// What was being done.
        doing: &'static str,
        /// The client's error.
        source: KafkaError,
    },
    /// The same without a client error.
    #[error("{0}")]
    Other(String),
}

impl KafkaFault {
    pub(crate) fn doing(doing: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |source| Self::Kafka { doing, source }
    }
}

/// A transactional producer's error: what it asks the caller to do.
#[derive(Debug)]
pub(crate) struct TransactionError {
    code: RDKafkaErrorCode,
    text: String,
    pub(crate) retriable: bool,
    requires_abort: bool,
    fatal: bool,
}

impl From<&RDKafkaError> for TransactionError {
    fn from(error: &RDKafkaError) -> Self {
        Self {
            code: error.code(),
            text: error.string(),
            retriable: error.is_retriable(),
            requires_abort: error.txn_requires_abort(),
            fatal: error.is_fatal(),
        }
    }
}

impl TransactionError {
    /// Takes over librdkafka's error object; `None` for null, which means success.
    ///
    /// # Safety
    /// `error` must be null or an error object that nobody else destroys.
    pub(crate) unsafe fn take(error: *mut sys::rd_kafka_error_t) -> Option<Self> {
        if error.is_null() {
            return None;
        }
        // SAFETY: the object is ours, and destroyed after the last use.
        unsafe {
            let taken = Self {
                code: sys::rd_kafka_error_code(error).into(),
                text: CStr::from_ptr(sys::rd_kafka_error_string(error)).to_string_lossy().into_owned(),
                retriable: sys::rd_kafka_error_is_retriable(error) != 0,
                requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
                fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            };
            sys::rd_kafka_error_destroy(error);
            Some(taken)
        }
    }

    pub(crate) fn into_log(self, doing: &str) -> LogError {
        let text = format!("{doing}: {}", self.text);
        match self.code {
            RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::InvalidProducerEpoch
            | RDKafkaErrorCode::ProducerFenced => LogError::Fenced(text),
            _ if self.requires_abort => LogError::Aborted(text),
            _ if self.fatal => LogError::Fatal(text),
            _ => LogError::Unavailable(text),
        }
    }
}
