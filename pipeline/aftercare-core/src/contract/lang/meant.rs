//! Names that were probably meant.

/// What was probably meant: a known name that differs in at most two characters.
pub(super) fn meant<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let near = known
        .map(|known| (edits(name, known), known))
        .filter(|(edits, known)| *edits <= 2 && *edits < known.len());
    near.min().map_or_else(String::new, |(_, known)| format!("; is `{known}` meant?"))
}

/// How many characters must be put in, taken out or replaced to make one of the other.
fn edits(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, left) in left.bytes().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        for (place, right) in row.iter_mut().skip(1).zip(right.bytes()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *place;
            before = replaced.min(before + 1).min(*place + 1);
            *place = before;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
