//! Telling others that an alert was raised, escalated or answered: webhooks signed as Standard Webhooks says, and
//! Alertmanager's API.
//!
//! A notice is thin: it says that somebody must look, and where; never why in numbers, never who. What is delivered is
//! delivered at least once, under an id by which a repetition is recognised. Nothing here reads a topic or moves a
//! position: whoever does waits for [`Receiver::deliver`].

mod alertmanager;
mod guard;
mod notice;
mod post;
mod receiver;
mod retry;
mod sign;
mod webhook;

pub use guard::{Allowed, Net, NetError, refusal};
pub use notice::{Change, Notice};
pub use post::{PostError, Poster};
pub use receiver::{Outcome, Receiver, ReceiverStats, Sending};
pub use retry::Retry;
pub use sign::{Secret, SecretError};
