//! Whether a month of a contract adds up, as a table, and what does not.

use std::collections::BTreeMap;

use aftercare_clickhouse::{AccountSum, ContractMonth, Fate, LedgerFault, PartySum, Reconciliation};

use super::money;

/// The table of a month, and what does not add up in it.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) table: Vec<String>,
    /// Nothing where it adds up.
    pub(super) faults: Vec<String>,
}

/// Lays out what was read, and judges it.
pub(super) fn judge(of: &ContractMonth, read: &Reconciliation) -> Judged {
    let mut judged = Judged::default();
    judged.table.push(format!("Reconciliation of {}, {}", of.month, of.contract));
    uploads(&read.fates, &mut judged);
    parties(&read.parties, &mut judged);
    books(&read.accounts, &mut judged);
    for LedgerFault { fault, entries, examples } in &read.faults {
        judged.faults.push(format!("entries that {} ({entries}): {}", in_words(fault), examples.join(", ")));
    }
    judged.table.push(String::new());
    match judged.faults.len() {
        0 => judged.table.push("It adds up.".to_owned()),
        n => judged.table.push(format!("It does not add up ({n}):")),
    }
    judged.table.extend(judged.faults.iter().map(|fault| format!("  {fault}")));
    judged
}

/// Received = billed + refused for a reason + copies + of another period.
fn uploads(fates: &[Fate], judged: &mut Judged) {
    let Judged { table, faults } = judged;
    table.push(String::new());
    table.push(format!("{:<60}{:>8}{:>8}", "Questionnaires that came in", "records", "copies"));
    let (mut records, mut copies) = (0, 0);
    for fate in fates {
        let what = match fate.fate.as_str() {
            "billed" => "billed".to_owned(),
            "billed_before" => "of another period: billed in an earlier month".to_owned(),
            "held" => format!("not billed: {}", fate.why),
            "refused" => format!("refused: {}", fate.why),
            "superseded" => "superseded by a higher revision".to_owned(),
            "taken_back" => "taken back".to_owned(),
            "elsewhere" => "of another episode, or without a score".to_owned(),
            _ => "neither billed nor held".to_owned(),
        };
        table.push(format!("  {what:<58}{:>8}{:>8}", fate.records, fate.further_copies));
        records += fate.records;
        copies += fate.further_copies;
    }
    table.push(format!("  {:<58}{records:>8}{copies:>8}", "received"));
    // A contract that never looks at questionnaires names none of them.
    let looks = fates.iter().any(|fate| matches!(fate.fate.as_str(), "billed" | "billed_before" | "held"));
    for fate in fates.iter().filter(|fate| looks && fate.fate == "unnamed") {
        faults.push(format!(
            "{} questionnaires are neither billed nor held: {}",
            fate.records,
            fate.examples.join(", ")
        ));
    }
}

/// Lines = what stands.
fn parties(parties: &[PartySum], judged: &mut Judged) {
    let Judged { table, faults } = judged;
    table.push(String::new());
    table.push(format!(
        "{:<22}{:>8}{:>16}{:>16}{:>16}{:>16}",
        "Lines by payer", "lines", "reversals", "late", "booked", "stands anew"
    ));
    let mut totals: BTreeMap<&str, [i64; 4]> = BTreeMap::new();
    let row = |name: &str, lines: u64, sums: [i64; 4], currency: &str| {
        let sums = sums.map(|sum| format!("{:>16}", money(sum, currency))).concat();
        format!("  {name:<20}{lines:>8}{sums} {currency}")
    };
    let mut lines = BTreeMap::new();
    for party in parties {
        let sums = [party.reversed_minor, party.late_minor, party.booked_minor, party.stood_minor];
        table.push(row(&party.payer, party.lines, sums, &party.currency));
        let total = totals.entry(&party.currency).or_default();
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        *lines.entry(&*party.currency).or_default() += party.lines;
        if party.booked_minor != party.stood_minor {
            faults.push(format!(
                "lines of {}: booked {} {}, but what stands changed by {}",
                party.payer,
                money(party.booked_minor, &party.currency),
                party.currency,
                money(party.stood_minor, &party.currency)
            ));
        }
    }
    for (currency, sums) in totals {
        table.push(row("total", lines.get(currency).copied().unwrap_or(0), sums, currency));
    }
}

/// Debits = credits, in each party's books.
fn books(accounts: &[AccountSum], judged: &mut Judged) {
    let Judged { table, faults } = judged;
    table.push(String::new());
    table.push(format!(
        "{:<22}{:<24}{:>16}{:>16}{:>16}{:>16}",
        "Books", "account", "opening", "debit", "credit", "closing"
    ));
    for own in accounts.chunk_by(|one, other| (&one.party, &one.currency) == (&other.party, &other.currency))
    {
        let Some(first) = own.first() else { continue };
        let currency = &*first.currency;
        let mut sums = [0_i64; 3];
        let row = |account: &str, [opening, debit, credit]: [i64; 3]| {
            let columns = [opening, debit, credit, opening + debit - credit];
            let columns = columns.map(|sum| format!("{:>16}", money(sum, currency))).concat();
            format!("  {:<20}{account:<24}{columns} {currency}", first.party)
        };
        for account in own {
            let columns = [account.opening_minor, account.debit_minor, account.credit_minor];
            table.push(row(&account.account, columns));
            sums.iter_mut().zip(columns).for_each(|(sum, column)| *sum += column);
        }
        let [opening, debit, credit] = sums;
        table.push(row("total", sums));
        if opening != 0 || debit != credit {
            faults.push(format!(
                "books of {}: debits {} {currency}, credits {}, opening {}",
                first.party,
                money(debit, currency),
                money(credit, currency),
                money(opening, currency)
            ));
        }
    }
}

fn in_words(fault: &str) -> &str {
    match fault {
        "reverses_nothing" => "reverse what is not in the ledger",
        "reverses_wrongly" => "are not the exact negation of what they reverse",
        "reverses_before_it_was_booked" => "are booked before what they reverse",
        "reversed_twice" => "are reversed more than once",
        "posted_without_two_accounts" => "are postings without two accounts",
        "booked_after_the_closing" => "were booked after their task had answered the closing",
        "stands_twice" => "stand beside another of the same component and payer",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(fate: &str, why: &str, records: u64) -> Fate {
        Fate {
            fate: fate.to_owned(),
            why: why.to_owned(),
            records,
            further_copies: 1,
            examples: if fate == "unnamed" { vec!["u-7".to_owned()] } else { Vec::new() },
        }
    }

    fn account(account: &str, opening_minor: i64, debit_minor: i64, credit_minor: i64) -> AccountSum {
        AccountSum {
            party: "m-alpha".to_owned(),
            currency: "CNY".to_owned(),
            account: account.to_owned(),
            opening_minor,
            debit_minor,
            credit_minor,
        }
    }

    /// Accrued 1,164.80 before, one slot of 44.80 claimed at 76.80: the difference of 32.00 is a variance.
    fn sound() -> Reconciliation {
        Reconciliation {
            fates: vec![
                fate("billed", "", 1),
                fate("held", "awaiting_review", 2),
                fate("refused", "no_forms", 1),
            ],
            parties: vec![PartySum {
                payer: "m-alpha".to_owned(),
                currency: "CNY".to_owned(),
                lines: 2,
                booked_minor: 7_680,
                stood_minor: 7_680,
                reversed_minor: 0,
                late_minor: 0,
            }],
            accounts: vec![
                account("warranty-expense", 116_480, 3_200, 0),
                account("warranty-payable", 0, 0, 7_680),
                account("warranty-provision", -116_480, 4_480, 0),
            ],
            faults: Vec::new(),
        }
    }

    fn judged(change: impl FnOnce(&mut Reconciliation)) -> Judged {
        let of = ContractMonth { contract: "c".to_owned(), month: "2026-01".to_owned(), from: 0, to: 1 };
        let mut read = sound();
        change(&mut read);
        judge(&of, &read)
    }

    #[test]
    fn what_adds_up_is_laid_out() {
        let judged = judged(|_| ());
        assert!(judged.faults.is_empty(), "{:?}", judged.faults);
        assert_eq!(
            judged.table.join("\n"),
            "\
Reconciliation of 2026-01, c

Questionnaires that came in                                  records  copies
  billed                                                           1       1
  not billed: awaiting_review                                      2       1
  refused: no_forms                                                1       1
  received                                                         4       3

Lines by payer           lines       reversals            late          booked     stands anew
  m-alpha                    2            0.00            0.00           76.80           76.80 CNY
  total                      2            0.00            0.00           76.80           76.80 CNY

Books                 account                          opening           debit          credit         closing
  m-alpha             warranty-expense                 1164.80           32.00            0.00         1196.80 CNY
  m-alpha             warranty-payable                    0.00            0.00           76.80          -76.80 CNY
  m-alpha             warranty-provision              -1164.80           44.80            0.00        -1120.00 CNY
  m-alpha             total                               0.00           76.80           76.80            0.00 CNY

It adds up."
        );
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        let fault = |change: fn(&mut Reconciliation)| judged(change).faults.join("\n");
        let found = fault(|read| read.fates.push(fate("unnamed", "", 3)));
        assert_eq!(found, "3 questionnaires are neither billed nor held: u-7");
        let found = fault(|read| read.parties[0].stood_minor = 7_600);
        assert_eq!(found, "lines of m-alpha: booked 76.80 CNY, but what stands changed by 76.00");
        let found = fault(|read| read.accounts[1].credit_minor = 7_600);
        assert_eq!(found, "books of m-alpha: debits 76.80 CNY, credits 76.00, opening 0.00");
        let found = fault(|read| {
            let (fault, examples) = ("reversed_twice".to_owned(), vec!["c/e/slot-01/fee/m/0".to_owned()]);
            read.faults.push(LedgerFault { fault, entries: 1, examples });
        });
        assert_eq!(found, "entries that are reversed more than once (1): c/e/slot-01/fee/m/0");
    }

    #[test]
    fn a_contract_that_looks_at_no_questionnaire_names_none() {
        let judged = judged(|read| read.fates = vec![fate("unnamed", "", 3)]);
        assert!(judged.faults.is_empty(), "{:?}", judged.faults);
    }
}
