using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Signing;

/// <summary>The receiver's code of docs/receivers.md; a test holds this copy to the page.</summary>
internal static class DocumentedReceiver
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "receivers.md"));

    /// <summary>The code block of the page in <paramref name="language"/>.</summary>
    public static string Snippet(string language)
    {
        var begin = Page.IndexOf($"```{language}\n", StringComparison.Ordinal);
        Assert.NotEqual(-1, begin);
        begin += language.Length + 4;
        return Page[begin..Page.IndexOf("```", begin, StringComparison.Ordinal)];
    }

    /// <summary>Verifies by the C# of the page.</summary>
    public static Task<IReadOnlyList<bool>> VerifyAsync(IReadOnlyList<SignedCallback> callbacks) =>
        Task.FromResult<IReadOnlyList<bool>>([
            .. callbacks.Select(callback =>
                IsGenuine(callback.Key, callback.Headers, Encoding.UTF8.GetBytes(callback.Body))
            ),
        ]);

    #pragma warning disable IDE0040, IDE0051, MA0011, CA1305, RS0030 // as the page has it
    // csharpier-ignore-start
    /// <param name="key">whsec_…</param>
    /// <param name="body">As received.</param>
    static bool IsGenuine(string key, IReadOnlyDictionary<string, string> headers, byte[] body)
    {
        var stamp = headers["webhook-timestamp"];
        var age = DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(long.Parse(stamp));
        if (age.Duration() > TimeSpan.FromMinutes(5))
            return false; // old or early: perhaps a replay
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{headers["webhook-id"]}.{stamp}."), .. body];
        var mac = HMACSHA256.HashData(Convert.FromBase64String(key["whsec_".Length..]), signed);
        var expected = Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(mac));
        return headers["webhook-signature"].Split(' ')
            .Any(given => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), expected));
    }
    // csharpier-ignore-end
#pragma warning restore IDE0040, IDE0051, MA0011, CA1305, RS0030
}

/// <summary>The compiled copy is the code that the page shows.</summary>
[Trait("Category", "Unit")]
public sealed class DocumentedReceiverTests
{
    [Fact]
    public void Page_ShowsTheCodeThatIsTested()
    {
        var file = Path.Combine(
            Repository.Root,
            "tests",
            "AkkaCharging.Scenarios",
            "Signing",
            $"{nameof(DocumentedReceiver)}.cs"
        );
        var source = Indentation(File.ReadAllText(file));
        var function = DocumentedReceiver.Snippet("csharp");

        Assert.Contains(
            Indentation(function[function.IndexOf("static bool", StringComparison.Ordinal)..].TrimEnd()),
            source,
            StringComparison.Ordinal
        );

        static string Indentation(string code) => string.Join('\n', code.Split('\n').Select(line => line.Trim()));
    }
}
