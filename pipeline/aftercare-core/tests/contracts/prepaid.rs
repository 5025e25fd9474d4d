//! A payer that prepays: 80 % of the expected lines, its own lines shown, the rest on the settlement day.

use crate::world::*;

const CONTRACT: &str = "warranty-prepaid-example";

/// Treated on the day, the device known; shares: patient 20, manufacturer 50, insurer 30 %.
fn covered(treated: &str) -> World {
    let mut world = World::treated(CONTRACT, treated);
    let device = statement("enr-2", treated)
        .says(|said| (said.device, said.manufacturer) = (Some("stent-a"), Some("m-alpha")));
    world.tell(&device, treated);
    world
}

fn billed(world: &mut World, id: &str, on: &str, index: f64) {
    world.tell(&upload(id, on, index, 100.0), on);
    world.tell(&review(id, on), on);
}

#[test]
fn its_lines_of_a_prepaid_year_are_shown_and_settled_90_days_after_it() {
    let mut world = covered("2025-01-01");
    // slots 1 to 26 begin on 2025-01-08 and every 14 days, the last on 2025-12-24: 0.8 x 26 x 80 x 0.3 = 499.20
    let prepaid = ("prepayment", "insurer-example", "c-1", "499.20");
    assert_eq!(world.lines(), owed(&[prepaid]));
    billed(&mut world, "u-1", "2025-01-15", 100.0);
    billed(&mut world, "u-2", "2025-01-29", 120.0);
    // 80 = 16 + 40 + 24; above 16 more = 3.20 + 8 + 4.80: the insurer's 24 + 24 + 4.80 = 52.80 are shown
    assert_eq!(world.shown("insurer-example"), "52.80");
    let mut lines = vec![
        ("adjustment", "m-alpha", "c-1", "8.00"),
        ("adjustment", "patient", "c-1", "3.20"),
        ("fee", "m-alpha", "c-1", "80.00"),
        ("fee", "patient", "c-1", "32.00"),
        prepaid,
    ];
    assert_eq!(world.lines(), owed(&lines));
    world.tick("2026-03-31");
    assert_eq!(world.lines(), owed(&lines));
    // 2026-01-01 + 90 days; 52.80 - 499.20 = -446.40
    world.tick("2026-04-01");
    lines.insert(4, ("prepaid_settlement", "insurer-example", "c-1", "-446.40"));
    assert_eq!(world.lines(), owed(&lines));
    assert_eq!(world.by_month("prepaid_settlement"), [("2026-04".into(), "-446.40".into())]);
}

#[test]
fn more_than_was_prepaid_is_owed_on_the_settlement_day() {
    let mut world = covered("2025-01-01");
    for slot in 0..26 {
        // 2025-01-15 and every 14 days, slot 25 on 2025-12-17, slot 26 on 2025-12-31
        let day = 20_103 + 14 * slot;
        let on = aftercare_core::zone::date_of_day(day).to_string();
        billed(&mut world, &format!("u-{slot}"), &on, 120.0);
    }
    world.tick("2026-04-01");
    // 26 x 96 x 0.3 = 748.80; less 499.20 = 249.60
    assert_eq!(world.shown("insurer-example"), "748.80");
    assert_eq!(world.total("prepaid_settlement"), "249.60");
}

#[test]
fn a_year_in_which_the_episode_begins_later_is_not_prepaid() {
    let mut world = covered("2025-07-01");
    billed(&mut world, "u-1", "2025-07-15", 100.0);
    assert_eq!(
        (world.shown("insurer-example"), world.owes("insurer-example")),
        ("0.00".into(), "24.00".into())
    );
    // slots begin on 2025-07-08 + 14 (k - 1): the 14th on 2026-01-06, the 26th on 2026-06-23: 13 in 2026.
    // 0.8 x 13 x 80 x 0.3 = 249.60
    world.tick("2025-12-31");
    assert_eq!(world.total("prepayment"), "0.00");
    world.tick("2026-01-01");
    assert_eq!(world.by_month("prepayment"), [("2026-01".into(), "249.60".into())]);
    // a line belongs to the year in which its review ended
    world.tell(&upload("u-2", "2025-12-30", 100.0, 100.0), "2026-01-01");
    world.tell(&review("u-2", "2026-01-02"), "2026-01-02");
    assert_eq!(world.shown("insurer-example"), "24.00");
}

#[test]
fn nothing_is_prepaid_for_who_died_by_the_first_of_january() {
    let mut world = covered("2025-07-01");
    world.tell(&event("died", "2026-01-01", "death"), "2026-01-02");
    assert_eq!(world.total("prepayment"), "0.00");
    world.tell(&event("died", "2026-01-02", "death").revision(2), "2026-01-03");
    assert_eq!(world.total("prepayment"), "249.60");
}

#[test]
fn a_late_line_changes_the_settlement_by_reversal() {
    let mut world = covered("2025-01-01");
    billed(&mut world, "u-1", "2025-01-15", 100.0);
    world.tick("2026-04-01");
    world.close("2026-04");
    world.hear(&upload("u-2", "2025-06-04", 100.0, 100.0), "2026-05-10");
    let late = booked(world.tell(&review("u-2", "2025-06-05"), "2026-05-10"));
    let settled: Vec<_> = late.iter().filter(|line| line.2 == "prepaid_settlement").collect();
    let line = |amount: &str, reason: &str| {
        let text = |text: &str| text.to_owned();
        let (component, payer) = (text("prepaid_settlement"), text("insurer-example"));
        (text("2026-04"), text("2026-05"), component, payer, text(amount), text(reason))
    };
    // 24 - 499.20 = -475.20 becomes 48 - 499.20 = -451.20
    assert_eq!(settled, [&line("475.20", "corrected"), &line("-451.20", "late_fact")]);
}
