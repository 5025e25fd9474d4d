//! Why a task can't go on.

use aftercare_schemas::codec::EncodeError;
use aftercare_stream::changelog::CorruptState;
use aftercare_stream::log::LogError;

/// Why a task can't go on. A bad record is no error: it becomes a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The log: a dependency's fault; the variant says whether to retry.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The changelog was written by a build that this one does not understand, or is damaged: a person must look.
    #[error(transparent)]
    State(#[from] CorruptState),
    /// A row does not fit its own schema: a defect.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
