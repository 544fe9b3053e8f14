//! Plots as SVG: lines over the number of objects, and horizontal bars. No I/O.
//!
//! Two kinds of plots with few marks need no plotting library.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 52.0;
/// The height of a name below the plot.
const ROW: f64 = 18.0;
const COLOURS: [&str; 6] = ["#0969da", "#54aeff", "#bc4c00", "#ffb77c", "#1a7f37", "#8250df"];
const INK: &str = "#1f2328";
const GRID: &str = "#d1d9e0";

pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// Lines with a mark at each point. Series without points are left out.
pub fn lines(title: &str, x_name: &str, y_name: &str, series: &[Series]) -> String {
    let drawn: Vec<&Series> = series.iter().filter(|one| !one.points.is_empty()).collect();
    let points = || drawn.iter().flat_map(|one| one.points.iter());
    let (x_ticks, y_ticks) = (
        ticks(points().map(|point| point.0).fold(0.0, f64::max)),
        ticks(points().map(|point| point.1).fold(0.0, f64::max)),
    );
    let (x_most, y_most) = (last(&x_ticks), last(&y_ticks));
    let x = |value: f64| LEFT + value / x_most * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / y_most * (HEIGHT - TOP - BOTTOM);

    let mut svg = start(title, HEIGHT + ROW * drawn.len() as f64);
    for tick in &y_ticks {
        rule(&mut svg, (LEFT, y(*tick)), (WIDTH - RIGHT, y(*tick)));
        label(&mut svg, (LEFT - 8.0, y(*tick) + 4.0), "end", &number(*tick));
    }
    for tick in &x_ticks {
        label(&mut svg, (x(*tick), HEIGHT - BOTTOM + 18.0), "middle", &number(*tick));
    }
    label(&mut svg, ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12.0), "middle", x_name);
    label(&mut svg, (LEFT - 8.0, TOP - 12.0), "end", y_name);
    for (index, (one, colour)) in drawn.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let path: Vec<String> = one.points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for point in &one.points {
            let (x, y) = (x(point.0), y(point.1));
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let row = HEIGHT + 6.0 + ROW * index as f64;
        let (from, to) = (LEFT, LEFT + 24.0);
        let _ = writeln!(
            svg,
            "<line x1=\"{from}\" y1=\"{row}\" x2=\"{to}\" y2=\"{row}\" stroke=\"{colour}\" stroke-width=\"3\"/>"
        );
        label(&mut svg, (to + 8.0, row + 4.0), "start", &one.name);
    }
    svg + "</svg>\n"
}

/// One horizontal bar for each value, as long as its value.
pub fn bars(title: &str, values: &[(String, f64)]) -> String {
    const BAR: f64 = 34.0;
    const NAMES: f64 = 250.0;
    const VALUES: f64 = 90.0;
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let mut svg = start(title, TOP + BAR * values.len() as f64 + 12.0);
    for (index, (name, value)) in values.iter().enumerate() {
        let top = TOP + BAR * index as f64;
        let length = (value / most * (WIDTH - NAMES - VALUES)).max(1.0);
        let colour = if name.starts_with("peer") { COLOURS[2] } else { COLOURS[0] };
        label(&mut svg, (NAMES - 10.0, top + 16.0), "end", name);
        let _ = writeln!(
            svg,
            "<rect x=\"{NAMES}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"22\" fill=\"{colour}\"/>"
        );
        label(&mut svg, (NAMES + length + 8.0, top + 16.0), "start", &number(*value));
    }
    svg + "</svg>\n"
}

fn start(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let title = escaped(title);
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"20\" font-size=\"15\" text-anchor=\"middle\" fill=\"{INK}\">{title}</text>",
        WIDTH / 2.0
    );
    svg
}

fn rule(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{GRID}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn label(svg: &mut String, at: (f64, f64), anchor: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"{INK}\">{}</text>",
        at.0,
        at.1,
        escaped(text)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 10.0 { super::table::whole(value) } else { format!("{value:.1}") }
}

/// Round numbers from 0 to at least `most`, about five of them.
fn ticks(most: f64) -> Vec<f64> {
    let most = if most > 0.0 { most } else { 1.0 };
    let power = 10f64.powf((most / 5.0).log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| step * 5.0 >= most);
    let step = step.unwrap_or(most);
    let count = (most / step).ceil() as usize;
    (0..=count).map(|index| step * index as f64).collect()
}

fn last(ticks: &[f64]) -> f64 {
    ticks.last().copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_largest_value() {
        assert_eq!(ticks(10_000.0), [0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10_000.0]);
        assert_eq!(ticks(42.0), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(ticks(0.0).len(), 6);
        for most in [0.3, 1.0, 7.0, 118.0, 99_999.0] {
            assert!(last(&ticks(most)) >= most && ticks(most).len() <= 6, "{most}: {:?}", ticks(most));
        }
    }

    #[test]
    fn a_plot_has_a_line_and_a_name_for_each_series_with_points() {
        let series = [
            Series { name: "operator & more".into(), points: vec![(0.0, 10.0), (1000.0, 16.0)] },
            Series { name: "nothing".into(), points: Vec::new() },
        ];
        let svg = lines("Memory", "objects", "MiB", &series);
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("operator &amp; more") && !svg.contains("nothing"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn the_longest_bar_is_the_largest_value() {
        let svg = bars("Requests", &[("operator".into(), 4800.0), ("peer".into(), 240_000.0)]);
        assert!(svg.contains("width=\"380.0\"") && svg.contains("240,000"), "{svg}");
        assert!(svg.contains("width=\"7.6\""), "{svg}");
    }
}
