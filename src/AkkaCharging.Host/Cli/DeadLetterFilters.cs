using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using AkkaCharging.Host.Admin;

namespace AkkaCharging.Host.Cli;

/// <summary>The options that select dead letters. The service checks all of them but the ages.</summary>
internal sealed class DeadLetterFilters
{
    private readonly Option<string?> _destination = new("--destination")
    {
        Description = "Only of this scheme, host and port.",
        HelpName = "URL",
    };
    private readonly Option<string?> _cause = new("--cause")
    {
        Description = "Only those whose last callback attempt failed for this cause, such as connection_refused.",
        HelpName = "WORD",
    };
    private readonly Option<string?> _from = new("--from")
    {
        Description = "Failed at or after this time; RFC 3339.",
        HelpName = "TIME",
    };
    private readonly Option<string?> _to = new("--to")
    {
        Description = "Failed before this time; RFC 3339.",
        HelpName = "TIME",
    };
    private readonly Option<string?> _olderThan = Age("--older-than", "Accepted longer ago than this, such as 90m.");
    private readonly Option<string?> _youngerThan = Age("--younger-than", "Accepted within this time, such as 90m.");

    private Option<string?>[] All => [_destination, _cause, _from, _to, _olderThan, _youngerThan];

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in All)
            command.Add(option);
    }

    /// <summary>Checks whether any option is given.</summary>
    public bool AreGiven(SymbolResult parsed) => All.Any(option => parsed.GetResult(option) is not null);

    /// <summary>Returns each parameter of the API with its value; null where the option is not given.</summary>
    public IEnumerable<(string Name, string? Value)> Given(ParseResult parsed) =>
        [
            ("destination", parsed.GetValue(_destination)),
            ("cause", parsed.GetValue(_cause)),
            ("from", parsed.GetValue(_from)),
            ("to", parsed.GetValue(_to)),
            ("acceptedFrom", parsed.GetValue(_youngerThan)),
            ("acceptedTo", parsed.GetValue(_olderThan)),
        ];

    /// <summary>Creates the body of a bulk redrive.</summary>
    public BulkRedriveBody ToBody(ParseResult parsed, bool all) =>
        new(
            parsed.GetValue(_destination),
            Json(parsed.GetValue(_from)),
            Json(parsed.GetValue(_to)),
            parsed.GetValue(_cause),
            Json(parsed.GetValue(_youngerThan)),
            Json(parsed.GetValue(_olderThan)),
            all,
            Count: null
        );

    private static JsonElement? Json(string? text) =>
        text is null ? null : JsonSerializer.SerializeToElement(text, AdminJson.Default.String);

    /// <returns>An option whose value is the time that long ago, in milliseconds since 1970.</returns>
    private static Option<string?> Age(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "AGE",
            CustomParser = result =>
            {
                if (ReadAge(result.Tokens[0].Value) is { } age)
                    return (TimeProvider.System.GetUtcNow() - age)
                        .ToUnixTimeMilliseconds()
                        .ToString(CultureInfo.InvariantCulture);
                result.AddError($"{name} expects a number with its unit, such as 30s, 90m, 12h or 7d.");
                return null;
            },
        };

    private static TimeSpan? ReadAge(string text)
    {
        TimeSpan? unit = text is [.., var last]
            ? last switch
            {
                's' => TimeSpan.FromSeconds(1),
                'm' => TimeSpan.FromMinutes(1),
                'h' => TimeSpan.FromHours(1),
                'd' => TimeSpan.FromDays(1),
                _ => null,
            }
            : null;
        // At most 9,999 days, which no time underflows.
        return
            unit is not null
            && text.Length <= 5
            && int.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number * unit
            : null;
    }
}
