//! Text of strangers, made fit for people.

/// Text of a stranger, fit for a log: no control characters, and not long (R40).
pub(super) fn printable(text: &str) -> String {
    const MOST: usize = 120;
    let mut clean = String::new();
    for (index, letter) in text.chars().enumerate() {
        if index == MOST {
            clean.push('…');
            break;
        }
        if letter.is_control() {
            clean.extend(letter.escape_default());
        } else {
            clean.push(letter);
        }
    }
    clean
}
