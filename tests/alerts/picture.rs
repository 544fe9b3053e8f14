//! Plots the panels of a dashboard as one SVG, from the answers of Prometheus to their queries. A picture of what the
//! dashboard shows, not of Grafana. No I/O.

use std::fmt::Write;

use serde_json::Value;

use crate::prometheus::Series;

/// Of one column of Grafana's grid, and of one row.
const COLUMN: f64 = 50.0;
const ROW: f64 = 34.0;
const HEAD: f64 = 44.0;
const GAP: f64 = 6.0;
/// More points than these say no more in a picture of this size.
const POINTS: usize = 60;
const MOST_SERIES: usize = 6;
const COLOURS: [&str; 6] = ["#0969da", "#bc4c00", "#1a7f37", "#8250df", "#54aeff", "#ffb77c"];

/// Which part of the time is shown, and the moment of the single values; in seconds since 1970.
pub struct Frame {
    pub first: f64,
    pub last: f64,
    pub at: f64,
}

/// A panel and what its queries showed.
pub struct Plot {
    title: String,
    kind: String,
    unit: String,
    /// Words for values.
    words: Value,
    /// In columns and rows: x, y, width, height.
    place: [f64; 4],
    series: Vec<(String, Series)>,
}

impl Plot {
    pub fn of(panel: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let place = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_f64().unwrap_or_default());
        let unit = text(&panel["fieldConfig"]["defaults"]["unit"]);
        let words = panel["fieldConfig"]["defaults"]["mappings"][0]["options"].clone();
        Self {
            title: text(&panel["title"]),
            kind: text(&panel["type"]),
            unit,
            words,
            place,
            series: Vec::new(),
        }
    }

    pub fn add(&mut self, series: Vec<Series>, legend: &str) {
        let named = series.into_iter().map(|one| {
            let name = one.labels.iter().fold(legend.to_owned(), |text, (label, value)| {
                text.replace(&format!("{{{{{label}}}}}"), value)
            });
            // A label that is not there.
            (name.split("{{").next().unwrap_or_default().to_owned(), one)
        });
        self.series.extend(named);
        let size = |one: &Series| one.points.iter().map(|point| point.1.abs()).sum::<f64>();
        self.series.sort_by(|one, other| size(&other.1).total_cmp(&size(&one.1)));
    }
}

pub fn draw(title: &str, plots: &[Plot], frame: &Frame) -> String {
    let below = plots.iter().map(|plot| plot.place[1] + plot.place[3]).fold(0.0, f64::max);
    let (width, height) = (24.0 * COLUMN, HEAD + below * ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#1f2328\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#f6f8fa\"/>\n"
    );
    label(&mut svg, (12.0, 28.0), "start\" font-size=\"18", title);
    for plot in plots {
        panel(&mut svg, plot, frame);
    }
    svg + "</svg>\n"
}

fn panel(svg: &mut String, plot: &Plot, frame: &Frame) {
    let [x, y, w, h] = plot.place;
    let (left, top) = (x * COLUMN + GAP / 2.0, HEAD + y * ROW + GAP / 2.0);
    let (width, height) = (w * COLUMN - GAP, h * ROW - GAP);
    let _ = writeln!(
        svg,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"3\" fill=\"#fff\" stroke=\"#d1d9e0\"/>"
    );
    label(svg, (left + 8.0, top + 16.0), "start\" font-weight=\"bold", &plot.title);
    let inner = [left + 52.0, top + 28.0, width - 62.0, height - 62.0];
    match plot.kind.as_str() {
        "stat" => {
            let points = plot.series.first().map(|(_, one)| one.points.iter().rev()).into_iter().flatten();
            let value = points.copied().find(|(time, _)| *time <= frame.at);
            let text = value.map_or("No data".into(), |(_, value)| {
                let word = plot.words[format!("{value:.0}")]["text"].as_str();
                word.map_or_else(|| shown(value, &plot.unit), Into::into)
            });
            let middle = (left + width / 2.0, top + height / 2.0 + 18.0);
            label(svg, middle, "middle\" font-size=\"26\" fill=\"#0969da", &text);
        }
        "table" => table(svg, plot, (left + 8.0, top + 36.0)),
        _ => lines(svg, plot, frame, inner),
    }
}

/// The objects that were ever in the table, because at the end of the run all is well.
fn table(svg: &mut String, plot: &Plot, (left, top): (f64, f64)) {
    let rows = plot.series.iter().take(9);
    for (number, (_, one)) in rows.enumerate() {
        let row = one.labels.values().map(String::as_str).collect::<Vec<_>>().join("   ");
        label(svg, (left, top + 18.0 * number as f64), "start", &row);
    }
}

fn lines(svg: &mut String, plot: &Plot, frame: &Frame, [left, top, width, height]: [f64; 4]) {
    let values = || plot.series.iter().flat_map(|(_, one)| &one.points).map(|point| point.1);
    let most = values().fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.05 } else { 1.0 };
    for part in [0.0, 0.5, 1.0] {
        let y = top + height * (1.0 - part);
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#eaeef2\"/>",
            left + width
        );
        label(svg, (left - 4.0, y + 4.0), "end", &shown(most * part, &plot.unit));
    }
    if plot.series.is_empty() {
        label(svg, (left + width / 2.0, top + height / 2.0), "middle", "No data");
    }
    let mut at = left;
    for ((name, one), colour) in plot.series.iter().take(MOST_SERIES).zip(COLOURS) {
        let points = || one.points.iter().filter(|(time, _)| (frame.first..=frame.last).contains(time));
        let every = points().count().div_ceil(POINTS).max(1);
        let mut path = String::new();
        let mut before = f64::MIN;
        for (time, value) in points().step_by(every) {
            // A gap in the data is a gap in the line.
            let begins = if time - before > 2.5 * every as f64 { 'M' } else { 'L' };
            let x = left + (time - frame.first) / (frame.last - frame.first).max(1.0) * width;
            let y = top + height * (1.0 - value / most);
            let _ = write!(path, "{begins}{x:.0} {y:.1}");
            before = *time;
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-linecap=\"round\"/>"
        );
        let name: String = name.chars().take(34).collect();
        if at + 18.0 + 5.6 * name.len() as f64 > left + width + 10.0 {
            continue;
        }
        let _ = writeln!(
            svg,
            "<rect x=\"{at:.0}\" y=\"{:.1}\" width=\"10\" height=\"3\" fill=\"{colour}\"/>",
            top + height + 17.0
        );
        label(svg, (at + 14.0, top + height + 22.0), "start", &name);
        at += 26.0 + 5.6 * name.len() as f64;
    }
}

fn shown(value: f64, unit: &str) -> String {
    let rounded = |value: f64| match value.abs() {
        size if size.fract() == 0.0 || size >= 10.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    match unit {
        "suffix: ×" => format!("{} ×", rounded(value)),
        "bytes" => format!("{:.0} MiB", value / 1024.0 / 1024.0),
        "percentunit" => format!("{:.0} %", value * 100.0),
        "s" if value != 0.0 && value.abs() < 1.0 => format!("{} ms", rounded(value * 1000.0)),
        "s" => format!("{} s", rounded(value)),
        "ops" => format!("{}/s", rounded(value)),
        _ => rounded(value),
    }
}

/// `anchor` may bring further attributes along.
fn label(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{text}</text>");
}
