using System.CommandLine;
using System.CommandLine.Parsing;

namespace AkkaCharging.Host.Cli;

/// <summary>The options that all lists share.</summary>
internal static class ListOptions
{
    private const int LimitDefault = 100;

    /// <summary>Creates the option that limits a list.</summary>
    /// <param name="what">What is listed, in the plural.</param>
    /// <param name="most">The highest limit that is allowed.</param>
    public static Option<int> CreateLimit(string what, int most = int.MaxValue) =>
        new("--limit")
        {
            Description = $"Maximum number of {what}.",
            HelpName = "N",
            DefaultValueFactory = _ => LimitDefault,
            CustomParser = result => ReadLimit(result, most),
        };

    /// <summary>Creates the option that writes a list as JSON.</summary>
    public static Option<bool> CreateJson() => new("--json") { Description = "One JSON object per line." };

    /// <summary>Says that a list was cut off.</summary>
    public static string MoreThan(int limit) =>
        $"There are more than {limit}: raise --limit, or narrow --from and --to.";

    private static int ReadLimit(ArgumentResult result, int most)
    {
        if (int.TryParse(result.Tokens[0].Value, out var limit) && limit > 0 && limit <= most)
            return limit;
        result.AddError(
            most == int.MaxValue
                ? "--limit expects a whole number of at least 1."
                : $"--limit expects a whole number from 1 to {most}."
        );
        return LimitDefault;
    }
}
