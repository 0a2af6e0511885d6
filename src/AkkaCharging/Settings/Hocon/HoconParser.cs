namespace AkkaCharging.Settings.Hocon;

/// <summary>Parses a strict subset of HOCON and rejects everything else.</summary>
/// <remarks>
/// Akka's own parser silently drops the rest of a file after a stray brace, an unclosed bracket or <c>${?X}</c>, and
/// reads <c>a = 1 b = 2</c> as one value, so it is not used for files. The subset: comments (<c>#</c>, <c>//</c>),
/// <c>key = value</c>, <c>key : value</c>, <c>key { }</c>, dotted and quoted keys, lists, plain, quoted and
/// triple-quoted values, new lines or single commas between them. A block may be continued (<c>a { } a { }</c>); a
/// value that is set twice in one file is a problem. All else is rejected with its line. Messages never repeat a value,
/// because it may be a secret, nor a key without a value, because the file may hold nothing but a secret.
/// </remarks>
internal sealed class HoconParser
{
    private const int MaxDepth = 32;

    private readonly HoconCursor _text;
    private readonly ICollection<string> _problems;

    private HoconParser(HoconCursor text, ICollection<string> problems) => (_text, _problems) = (text, problems);

    /// <summary>Parses a file; null after a syntax error, which is added to <paramref name="problems"/>.</summary>
    public static ConfigBlock? ParseFile(string name, byte[] bytes, ICollection<string> problems)
    {
        try
        {
            var parser = new HoconParser(HoconCursor.Open(name, bytes), problems);
            var root = new ConfigBlock(parser._text.Here);
            parser.Members(root, path: "", closer: '\0', depth: 0);
            return root;
        }
        catch (HoconSyntaxException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    /// <summary>Parses a single value, such as the JSON list of an environment variable.</summary>
    /// <exception cref="HoconSyntaxException">The text is not a single value.</exception>
    public static ConfigNode ParseValue(string name, string path, string text, ICollection<string> problems)
    {
        var parser = new HoconParser(new HoconCursor(name, text), problems);
        parser._text.SkipLines();
        var node = parser.Value(path, depth: 0);
        parser._text.SkipLines();
        return parser._text.AtEnd ? node : throw parser._text.Unexpected("the end");
    }

    private void Members(ConfigBlock block, string path, char closer, int depth)
    {
        var opened = _text.Here;
        _text.SkipLines();
        while (!Closed(closer, "{", opened))
        {
            Member(block, path, depth);
            Separator();
        }
    }

    private void Member(ConfigBlock block, string path, int depth)
    {
        var source = _text.Here;
        var keys = Key();
        _text.SkipBlanks();
        foreach (var key in keys[..^1])
        {
            block = Block(block, path, key, source);
            path = ConfigBlock.Show(path, key);
        }

        var last = keys[^1];
        var full = ConfigBlock.Show(path, last);
        if (_text.Take('=') || _text.Take(':'))
        {
            _text.SkipBlanks();
        }
        else if (_text.Current != '{')
        {
            throw AfterKey(isInclude: full is "include");
        }

        if (_text.Take('{'))
        {
            Members(Block(block, path, last, source), full, '}', Deeper(depth));
        }
        else
        {
            var value = Value(full, depth);
            if (block.Entries.TryGetValue(last, out var first))
            {
                Repeated(source, full, first);
            }

            block.Entries[last] = value;
        }
    }

    private ConfigBlock Block(ConfigBlock parent, string path, string key, string source)
    {
        if (parent.Entries.GetValueOrDefault(key) is ConfigBlock known)
        {
            return known;
        }

        if (parent.Entries.TryGetValue(key, out var first))
        {
            Repeated(source, ConfigBlock.Show(path, key), first);
        }

        var block = new ConfigBlock(source);
        parent.Entries[key] = block;
        return block;
    }

    private void Repeated(string source, string path, ConfigNode first) =>
        _problems.Add($"{source}: {path} is set a second time; {first.Source} sets it already. Keep one of them.");

    private HoconSyntaxException AfterKey(bool isInclude) =>
        _text.Current switch
        {
            // Base64 may contain a plus sign.
            '+' when _text.Starts("+=") => _text.Error("+= is not supported; write the whole list."),
            _ when isInclude && !_text.AtEnd => _text.Error(
                "include is not supported; put the settings into this file."
            ),
            '\r' or '\n' or '#' or '/' or ',' or '}' or '\0' => _text.Error(
                "a key without a value; expected key = value."
            ),
            _ => _text.Unexpected("'=', ':' or '{' after the key"),
        };

    private List<string> Key()
    {
        var keys = new List<string>();
        do
        {
            var key = _text.Current == '"' ? _text.Quoted() : _text.Plain(dots: false);
            keys.Add(key.Length > 0 ? key : throw _text.Unexpected("a key"));
            if (keys.Count > MaxDepth)
            {
                throw TooDeep();
            }
        } while (_text.Take('.'));

        return keys;
    }

    private ConfigNode Value(string path, int depth)
    {
        var source = _text.Here;
        if (_text.Take('{'))
        {
            var block = new ConfigBlock(source);
            Members(block, path, '}', Deeper(depth));
            return block;
        }

        if (_text.Take('['))
        {
            return Items(path, source, Deeper(depth));
        }

        if (_text.Current == '"')
        {
            return new ConfigText(_text.Starts("\"\"\"") ? _text.TripleQuoted() : _text.Quoted(), source);
        }

        if (_text.Current is '\r' or '\n' or '#' or ',' or '}' or '\0' || _text.Starts("//"))
        {
            throw _text.Error("a key without a value; expected one on the same line, \"\" for an empty one.");
        }

        return _text.Plain(dots: true) switch
        {
            "" => throw _text.Unexpected("a value"),
            "null" => throw _text.Error($"null is not a value; leave {path} out."),
            var text => new ConfigText(text, source),
        };
    }

    private ConfigList Items(string path, string source, int depth)
    {
        var items = new List<ConfigNode>();
        _text.SkipLines();
        while (!Closed(']', "[", source))
        {
            items.Add(
                _text.Current == ',' ? throw _text.Unexpected("an item") : Value($"{path}[{items.Count}]", depth)
            );
            Separator();
        }

        return new ConfigList(items, source);
    }

    private bool Closed(char closer, string opener, string opened)
    {
        if (_text.AtEnd)
        {
            return closer == '\0' ? true : throw new HoconSyntaxException(opened, $"'{opener}' is never closed.");
        }

        if (_text.Take(closer))
        {
            return true;
        }

        return _text.Current is not ('}' or ']')
            ? false
            : throw _text.Error(
                closer == '\0'
                    ? $"'{_text.Current}' closes nothing."
                    : $"'{_text.Current}' where '{closer}' is expected for the '{opener}' of {opened}."
            );
    }

    /// <summary>Reads what follows an item: new lines, at most one comma, or the end of the list or block.</summary>
    private void Separator()
    {
        var line = _text.Line;
        _text.SkipLines();
        if (_text.Take(','))
        {
            _text.SkipLines();
        }
        else if (line == _text.Line && !_text.AtEnd && _text.Current is not ('}' or ']'))
        {
            throw _text.Unexpected("a new line or a comma");
        }
    }

    private int Deeper(int depth) => depth < MaxDepth ? depth + 1 : throw TooDeep();

    private HoconSyntaxException TooDeep() => _text.Error($"nested more than {MaxDepth} levels deep.");
}
