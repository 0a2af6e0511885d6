using System.CommandLine;
using System.CommandLine.Parsing;

namespace AkkaCharging.Host.Cli;

/// <summary>The options that all lists share.</summary>
internal static class ListOptions
{
    private const int LimitDefault = 100;

    /// <summary>Creates the option that limits a list.</summary>
    /// <param name="what">What is listed, in the plural.</param>
    public static Option<int> CreateLimit(string what) =>
        new("--limit")
        {
            Description = $"Maximum number of {what}.",
            HelpName = "N",
            DefaultValueFactory = _ => LimitDefault,
            CustomParser = ReadLimit,
        };

    /// <summary>Creates the option that writes a list as JSON.</summary>
    public static Option<bool> CreateJson() => new("--json") { Description = "One JSON object per line." };

    /// <summary>Says that a list was cut off.</summary>
    public static string MoreThan(int limit) =>
        $"There are more than {limit}: raise --limit, or narrow --from and --to.";

    private static int ReadLimit(ArgumentResult result)
    {
        if (int.TryParse(result.Tokens[0].Value, out var limit) && limit > 0)
            return limit;
        result.AddError("--limit expects a whole number of at least 1.");
        return LimitDefault;
    }
}
