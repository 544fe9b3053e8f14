//! Reads the commands of a shell script as lists of words, as far as pages use the shell. No I/O.

/// The simple commands in a block: of lines, pipes, lists, and substitutions. Where lines begin with `$ `, only these are
/// commands, and the others are output.
pub fn commands(block: &str) -> Vec<Vec<String>> {
    let has_prompt = block.lines().any(|line| line.starts_with("$ "));
    let mut script = String::new();
    let mut goes_on = false;
    for line in block.lines() {
        let command = if has_prompt && !goes_on { line.strip_prefix("$ ") } else { Some(line) };
        let Some(command) = command else { continue };
        goes_on = command.ends_with('\\');
        script.push_str(command.strip_suffix('\\').unwrap_or(command));
        script.push(if goes_on { ' ' } else { '\n' });
    }
    let mut found = Vec::new();
    collect(&script, &mut found);
    found
}

fn collect(script: &str, found: &mut Vec<Vec<String>>) {
    let mut reader = Reader { rest: script.chars().collect(), at: 0, words: Vec::new(), word: None };
    while let Some(c) = reader.next() {
        match c {
            '\'' => reader.quoted(),
            '"' => reader.double_quoted(found),
            '\\' => {
                let escaped = reader.next().unwrap_or_default();
                reader.push('\\');
                reader.push(escaped);
            }
            '$' if reader.peek() == Some('(') => reader.substitution(found),
            '#' if reader.word.is_none() => {
                while reader.peek().is_some_and(|c| c != '\n') {
                    reader.at += 1;
                }
            }
            '>' | '<' => reader.redirection(),
            '|' | ';' | '&' | '\n' | '(' | ')' | '{' if c != '{' || reader.word.is_none() => {
                reader.end(found)
            }
            c if c.is_whitespace() => reader.end_word(),
            c => reader.push(c),
        }
    }
    reader.end(found);
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    words: Vec<String>,
    word: Option<String>,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    /// Ends a command. Assignments before it, and the keywords of loops, are no words of it.
    fn end(&mut self, found: &mut Vec<Vec<String>>) {
        self.end_word();
        let mut words: Vec<String> = std::mem::take(&mut self.words);
        let is_prefix = |word: &String| {
            ["while", "do", "if", "then", "!"].contains(&word.as_str())
                || word.split_once('=').is_some_and(|(name, _)| {
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                })
        };
        let skipped = words.iter().take_while(|word| is_prefix(word)).count();
        words.drain(..skipped);
        if !words.is_empty() {
            found.push(words);
        }
    }

    fn quoted(&mut self) {
        self.word.get_or_insert_default();
        while let Some(c) = self.next().filter(|c| *c != '\'') {
            self.push(c);
        }
    }

    fn double_quoted(&mut self, found: &mut Vec<Vec<String>>) {
        self.word.get_or_insert_default();
        while let Some(c) = self.next().filter(|c| *c != '"') {
            match c {
                '\\' => {
                    let escaped = self.next().unwrap_or_default();
                    self.push(escaped);
                }
                '$' if self.peek() == Some('(') => self.substitution(found),
                c => self.push(c),
            }
        }
    }

    /// `$(…)` after the dollar sign: the commands inside are commands of the block too.
    fn substitution(&mut self, found: &mut Vec<Vec<String>>) {
        self.at += 1;
        let start = self.at;
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                Some('(') => depth += 1,
                Some(')') => depth -= 1,
                Some(_) => {}
                None => break,
            }
        }
        let inside: String = self.rest[start..self.at.saturating_sub(1)].iter().collect();
        collect(&inside, found);
        self.word.get_or_insert_default().push_str("$()");
    }

    /// A redirection and the file that it names are no words of the command. `<(…)` is a substitution.
    fn redirection(&mut self) {
        if self.word.as_deref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        if self.peek() == Some('(') {
            return;
        }
        while self.peek().is_some_and(|c| "><& ".contains(c)) {
            self.at += 1;
        }
        while self.peek().is_some_and(|c| !c.is_whitespace() && !"|;&)".contains(c)) {
            self.at += 1;
        }
    }
}

#[test]
fn words_pipes_quotes_and_substitutions_are_read_as_a_shell_reads_them() {
    let block = "x=1 kubectl get a -o jsonpath='{a|b}' | grep \"c d\" > e.txt && f \\\n  --g=\"$(h --i)\"\n# no\nsource <(j k)";
    let expected = [
        &["kubectl", "get", "a", "-o", "jsonpath={a|b}"][..],
        &["grep", "c d"],
        &["h", "--i"],
        &["f", "--g=$()"],
        &["source"],
        &["j", "k"],
    ];
    assert_eq!(commands(block), expected);
    assert_eq!(commands("$ a b \\\n  c\noutput\n$ d"), [&["a", "b", "c"][..], &["d"]]);
}
