//! Which states of alerts are told, and to whom.

use std::collections::HashMap;

use aftercare_notify::{Change, Notice};
use aftercare_schemas::wire::Alert;
use url::Url;

/// At most so many alerts are remembered. Beyond it, all are forgotten; of each that is still open somebody may then be
/// told once more.
const REMEMBERED_MAX: usize = 100_000;

/// What is to be done about one state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// It concerns nobody: historic, imported, or of a simulation.
    Nothing,
    /// It was written so long ago that telling it now would only confuse.
    Stale,
    Tell {
        change: Change,
        /// Somebody must look who was not told to look before. What only keeps the newest state wants the others too.
        first: bool,
    },
}

/// How far each alert that is not over was told: how often it was escalated then. Of what it does not remember, after a
/// restart for instance, it rather tells once more than not at all.
pub(super) struct Chooser {
    pub(super) simulated: bool,
    pub(super) stale_ms: i64,
    told: HashMap<String, i32>,
}

impl Chooser {
    pub(super) fn new(simulated: bool, stale_ms: i64) -> Self {
        Self { simulated, stale_ms, told: HashMap::new() }
    }

    /// Forgets what was told: states may be read again that were not told to their end.
    pub(super) fn forget(&mut self) {
        self.told.clear();
    }

    /// Judges the next state of an alert, `age_ms` after it was written.
    pub(super) fn choose(&mut self, alert: &Alert<'_>, age_ms: i64) -> Choice {
        let concerns = alert.source == "live" || (self.simulated && alert.source == "simulated");
        if alert.historic || !concerns {
            return Choice::Nothing;
        }
        let told = self.told.get(alert.alert_id).copied();
        let over = matches!(alert.status, "resolved" | "withdrawn");
        let escalated = !over && alert.escalations > told.unwrap_or(0);
        let raised = alert.status == "open" && told.is_none();
        if over {
            self.told.remove(alert.alert_id);
        } else {
            if self.told.len() >= REMEMBERED_MAX {
                self.told.clear();
            }
            let level = alert.escalations.max(told.unwrap_or(0));
            self.told.insert(alert.alert_id.to_owned(), level);
        }
        if age_ms > self.stale_ms {
            return Choice::Stale;
        }
        let change = match alert.status {
            _ if escalated => Change::Escalated,
            "open" => Change::Open,
            _ => Change::Answered,
        };
        Choice::Tell { change, first: raised || escalated }
    }
}

/// Which alerts a receiver wants.
#[derive(Clone)]
pub(super) struct Filter {
    pub(super) severities: Vec<String>,
    /// Empty: all.
    pub(super) roles: Vec<String>,
}

impl Filter {
    pub(super) fn admits(&self, alert: &Alert<'_>) -> bool {
        let severity = self.severities.iter().any(|severity| severity == alert.severity);
        severity
            && (self.roles.is_empty()
                || alert.routed_to.iter().any(|to| self.roles.iter().any(|role| role == to)))
    }
}

/// What is told of it, `changed_at` being when the state was written.
pub(super) fn notice(alert: &Alert<'_>, change: Change, changed_at: i64, console: Option<&Url>) -> Notice {
    let link = console.map(|console| {
        // Behind the # it stays in the browser, out of the logs on the way.
        let mut link = console.clone();
        let patient: String = url::form_urlencoded::byte_serialize(alert.patient_id.as_bytes()).collect();
        link.set_fragment(Some(&format!("/patient/{patient}")));
        link
    });
    Notice {
        alert_id: alert.alert_id.to_owned(),
        revision: alert.revision,
        escalations: alert.escalations,
        change,
        rule: alert.rule.to_owned(),
        severity: alert.severity.to_owned(),
        routed_to: alert.routed_to.iter().map(|&role| role.to_owned()).collect(),
        team: alert.care_team.map(str::to_owned),
        raised_at: alert.raised_at,
        changed_at,
        answer_due_at: alert.answer_due_at,
        link,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn alert(revision: i32, status: &'static str, escalations: i32) -> Alert<'static> {
        Alert {
            version: 1,
            alert_id: "e-1/below-expected/u-1",
            revision,
            status,
            rule: "below-expected",
            policy: "stent-alerts@1",
            severity: "critical",
            audience: "patient_care",
            routed_to: vec!["care_manager", "clinician"],
            patient_id: "p-1",
            episode_id: Some("e-1"),
            cause_kind: "score",
            cause_id: "u-1",
            caused_at: 0,
            uploaded_at: Some(0),
            raised_at: 0,
            historic: false,
            vip: true,
            answer_due_at: Some(600_000),
            escalations,
            assignee_id: None,
            acknowledged_at: None,
            snoozed_until: None,
            resolved_at: None,
            outcome: None,
            evidence: Vec::new(),
            stored_at: 0,
            organisation: None,
            care_team: Some("team-2"),
            clinician_id: None,
            manufacturer: None,
            procedure: None,
            source: "live",
        }
    }

    fn tell(change: Change, first: bool) -> Choice {
        Choice::Tell { change, first }
    }

    #[test]
    fn a_raise_and_each_escalation_are_told_once() {
        let mut chooser = Chooser::new(false, 1_000);
        let course = [
            (alert(1, "open", 0), tell(Change::Open, true)),
            (alert(1, "open", 0), tell(Change::Open, false)),
            (alert(2, "open", 1), tell(Change::Escalated, true)),
            (alert(3, "open", 1), tell(Change::Open, false)),
            (alert(4, "acknowledged", 1), tell(Change::Answered, false)),
            (alert(5, "acknowledged", 2), tell(Change::Escalated, true)),
            (alert(6, "snoozed", 2), tell(Change::Answered, false)),
            (alert(7, "open", 2), tell(Change::Open, false)),
            (alert(8, "resolved", 2), tell(Change::Answered, false)),
        ];
        for (alert, expected) in course {
            assert_eq!(chooser.choose(&alert, 0), expected, "revision {}", alert.revision);
        }
    }

    #[test]
    fn what_is_not_remembered_is_told_if_somebody_must_look() {
        let mut chooser = Chooser::new(false, 1);
        let course = [
            (alert(3, "open", 0), tell(Change::Open, true)),
            (alert(4, "withdrawn", 0), tell(Change::Answered, false)),
            (alert(5, "open", 0), tell(Change::Open, true)),
        ];
        for (alert, expected) in course {
            assert_eq!(chooser.choose(&alert, 0), expected, "revision {}", alert.revision);
        }
        assert_eq!(Chooser::new(false, 1).choose(&alert(3, "open", 1), 0), tell(Change::Escalated, true));
        assert_eq!(Chooser::new(false, 1).choose(&alert(3, "snoozed", 0), 0), tell(Change::Answered, false));
    }

    #[test]
    fn historic_imported_simulated_and_stale_ones_are_not_told() {
        let mut chooser = Chooser::new(false, 1_000);
        let historic = Alert { historic: true, ..alert(1, "open", 0) };
        assert_eq!(chooser.choose(&historic, 0), Choice::Nothing);
        for source in ["import", "simulated", "unknown"] {
            assert_eq!(chooser.choose(&Alert { source, ..alert(1, "open", 0) }, 0), Choice::Nothing);
        }
        assert_eq!(chooser.choose(&alert(1, "open", 0), 1_001), Choice::Stale);
        let simulated = Alert { source: "simulated", ..alert(1, "open", 0) };
        assert_eq!(Chooser::new(true, 1_000).choose(&simulated, 1_000), tell(Change::Open, true));
    }

    #[test]
    fn receivers_choose_by_severity_and_role() {
        let filter = |severities: &[&str], roles: &[&str]| Filter {
            severities: severities.iter().map(|&s| s.to_owned()).collect(),
            roles: roles.iter().map(|&s| s.to_owned()).collect(),
        };
        let alert = alert(1, "open", 0);
        assert!(filter(&["critical"], &[]).admits(&alert));
        assert!(filter(&["warning", "critical"], &["crisis_line", "clinician"]).admits(&alert));
        assert!(!filter(&["warning"], &[]).admits(&alert));
        assert!(!filter(&["critical"], &["crisis_line"]).admits(&alert));
    }

    #[test]
    fn the_link_keeps_the_patient_behind_the_hash() {
        let console = "https://care.example.org/".parse().unwrap();
        let notice = notice(&alert(1, "open", 0), Change::Open, 5, Some(&console));
        assert_eq!(notice.link.unwrap().as_str(), "https://care.example.org/#/patient/p-1");
    }
}
