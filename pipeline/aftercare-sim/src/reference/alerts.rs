//! The alerts that single answers must raise, from all uploads in force: what can't wait must not be missed, whatever came
//! when. (Which alerts other rules raise depends on what was known at the time.)

use std::collections::BTreeSet;

use aftercare_core::documents::{AlertRule, Library, RuleKind};
use aftercare_schemas::wire::PromResponse;

use super::enrolments::Episodes;
use super::intake::Upload;

/// Adds the ids of a patient's alerts.
pub(super) fn of_answers(
    episodes: &Episodes<'_>,
    uploads: &[Upload<'_>],
    library: &Library,
    alerts: &mut BTreeSet<String>,
) {
    for Upload { response } in uploads {
        let Some(episode) = response.episode_id.or_else(|| episodes.at(response.answered_at)) else {
            continue;
        };
        let plan = episodes.dated(episode, response.answered_at, |s| s.plan);
        let policy = plan.and_then(|plan| library.alert_policy(library.plan(plan)?.alert_policy.as_deref()?));
        let rules = policy.into_iter().flat_map(|policy| &policy.rules);
        let met = rules.filter(|rule| is_met(rule, response));
        alerts.extend(met.map(|rule| format!("{episode}/{}/{}", rule.id, response.id)));
    }
}

fn is_met(rule: &AlertRule, response: &PromResponse<'_>) -> bool {
    let RuleKind::SingleAnswer { instrument, item, code_at_least } = &rule.kind else { return false };
    let forms = response.forms.iter().filter(|form| form.instrument == &**instrument);
    let mut answers = forms.flat_map(|form| &form.answers).filter(|answer| answer.item == &**item);
    answers.any(|answer| answer.code.is_some_and(|code| code >= *code_at_least))
}
