//! Formats tables for people. No I/O.

use crate::cli::output::printable;
use crate::crd::Store;

/// The columns that every table of stores begins with: id, name, status and date of creation.
pub(super) fn store_columns(store: &Store) -> [String; 4] {
    let text = |value: &Option<String>| printable(value.as_deref().unwrap_or_default());
    let created = store.creation_time.as_deref().and_then(|time| time.split('T').next()).unwrap_or_default();
    [store.id.clone(), text(&store.name), text(&store.status), printable(created)]
}

/// Aligns columns two spaces apart, each as wide as its widest cell, without trailing spaces.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |cell: &str| cell.chars().count();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
            cells.chain([width(head[column])]).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide - width(cell))))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut head.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [
            vec!["1".to_owned(), "Zürich".to_owned(), "x".to_owned()],
            vec!["22".into(), "a".into(), String::new()],
        ];
        assert_eq!(table(&["ID", "NAME", "REMARK"], &rows), "ID  NAME    REMARK\n1   Zürich  x\n22  a\n");
    }
}
