//! The console: the live alert list, a patient's page, a clinician's page, the service of care teams.
//!
//! The assets are plain files of `dashboards/console`. What they show comes from a [`Board`], which holds the alerts,
//! and a [`Desk`], which reads pages and records actions; whoever wires the program fills both. Every view of a
//! patient is authorised by the viewer's scope, and [noted](Desk::note) before it is shown; a line in the log (target
//! `audit`) names actor, role and view, and no patient.

mod api;
mod assets;
mod board;
mod desk;
mod live;
mod service;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::routing::{get, post};

pub use board::{Board, FINISHED_MAX, ROWS_MAX};
pub use desk::{
    Action, Choice, ClinicianPage, Desk, DeskError, Entry, Evidence, OUTCOMES, Owner, PatientLine,
    PatientPage, Reply, Review, ScorePoint, UploadLine, View, VitalDay, VitalScore,
};
pub use service::{Bursts, JudgedUpload, ServicePage, VerdictCount};

use crate::State;

/// As many actions are remembered, so that a second click on the same button is the same action.
const SENT_MAX: usize = 10_000;

/// What the console shows and where its actions go.
pub struct Console {
    board: Arc<Board>,
    desk: Arc<dyn Desk>,
    sent: Mutex<VecDeque<String>>,
}

impl Console {
    /// A console over a board that somebody else fills.
    #[must_use]
    pub fn new(board: Arc<Board>, desk: Arc<dyn Desk>) -> Self {
        Self { board, desk, sent: Mutex::default() }
    }

    fn has_sent(&self, id: &str) -> bool {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == id)
    }

    /// Whether this action is new. One that could not be recorded is [forgotten](Self::forget) again.
    fn remember(&self, id: &str) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.iter().any(|known| known == id) {
            return false;
        }
        if sent.len() == SENT_MAX {
            sent.pop_front();
        }
        sent.push_back(id.to_owned());
        true
    }

    fn forget(&self, id: &str) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != id);
    }
}

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/console/{file}", get(assets::file))
        .route("/api/me", get(api::me))
        .route("/api/alerts", get(api::alerts))
        .route("/api/alerts/stream", get(live::stream))
        .route("/api/alerts/actions", post(api::act))
        .route("/api/patients/{id}", get(api::patient))
        .route("/api/clinicians/{id}", get(api::clinician))
        .route("/api/services/{month}", get(api::service))
}

pub(crate) use api::Refusal;
pub(crate) use assets::{login_page, page};
