//! Markdown tables, the sections that they are in, and how numbers are written in them. No I/O.

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: &[&str]) -> Self {
        let header = columns.iter().map(ToString::to_string).collect();
        let line = columns.iter().enumerate().map(|(index, _)| if index == 0 { "---" } else { "---:" });
        Self { rows: vec![header, line.map(ToOwned::to_owned).collect()] }
    }

    /// With every column on the left, for words.
    pub fn of_words(columns: &[&str]) -> Self {
        let header = columns.iter().map(ToString::to_string).collect();
        Self { rows: vec![header, vec!["---".to_owned(); columns.len()]] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() <= 2
    }

    pub fn text(&self) -> String {
        self.rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect()
    }
}

/// `None` for a table without rows.
pub fn section(title: &str, words: &str, table: &Table) -> Option<String> {
    (!table.is_empty()).then(|| format!("## {title}\n\n{words}\n\n{}", table.text()))
}

/// With a comma between thousands.
pub fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if number <= -0.5 { format!("-{text}") } else { text }
}

pub fn count(number: usize) -> String {
    whole(number as f64)
}

/// With as many digits as say something: 0.04, 1.2, 340.
pub fn short(number: f64) -> String {
    match number.abs() {
        small if small < 0.095 => format!("{number:.2}"),
        middle if middle < 99.5 => format!("{number:.1}"),
        _ => whole(number),
    }
}

/// A dash for what was not measured.
pub fn or_dash<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

pub fn list(values: &[f64]) -> String {
    values.iter().map(|value| short(*value)).collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_header_a_line_and_its_rows() {
        let mut table = Table::new(&["objects", "MiB"]);
        assert!(table.is_empty());
        table.row(["1,000".to_owned(), "12.0".to_owned()]);
        assert_eq!(table.text(), "| objects | MiB |\n| --- | ---: |\n| 1,000 | 12.0 |\n");
    }

    #[test]
    fn numbers_are_short_and_thousands_are_apart() {
        assert_eq!(whole(1_234_567.4), "1,234,567");
        assert_eq!((whole(0.0), whole(999.6), whole(-1200.0)), ("0".into(), "1,000".into(), "-1,200".into()));
        assert_eq!((short(0.042), short(1.25), short(340.0)), ("0.04".into(), "1.2".into(), "340".into()));
        assert_eq!((or_dash(None::<f64>, short), list(&[1.0, 2.5])), ("–".into(), "1.0 / 2.5".into()));
    }
}
