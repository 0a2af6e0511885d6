using System.Globalization;
using System.Text;

namespace AkkaCharging.Bench.Driving;

/// <summary>
/// Requests as bytes, made before the run; only the sequence number in the station id is written while it runs.
/// </summary>
/// <remarks>
/// Request n goes to destination n modulo the destinations, with one of the access list's tokens; every tenth token is
/// not on it.
/// </remarks>
internal sealed class Submissions
{
    private const string Station = "5f3c9a10-7b2e-4d61-9c0f-";
    private const int SequenceDigits = 12;
    private const int TokensUsed = 10;
    private readonly byte[][] _templates;
    private readonly int[] _sequenceAt;

    /// <param name="urls">Callback URLs, one for each destination.</param>
    public Submissions(IReadOnlyList<string> urls)
    {
        var count = urls.Count * TokensUsed / GreatestCommonDivisor(urls.Count, TokensUsed);
        _templates = new byte[count][];
        _sequenceAt = new int[count];
        for (var i = 0; i < count; i++)
        {
            var (token, url) = (AccessList.Token(i % TokensUsed), urls[i % urls.Count]);
            var body =
                $$"""{"stationId":"{{Station}}000000000000","driverToken":"{{token}}","callbackUrl":"{{url}}"}""";
            var request =
                "POST /api/v1/charging-session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                + $"application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}";
            _templates[i] = Encoding.ASCII.GetBytes(request);
            _sequenceAt[i] = request.IndexOf(Station, StringComparison.Ordinal) + Station.Length;
        }
    }

    /// <summary>Whether the token of this request is on the access list.</summary>
    public static bool IsAllowed(int sequence) => sequence % TokensUsed != TokensUsed - 1;

    /// <summary>The request of this number; valid until the next call for the same template.</summary>
    public ReadOnlySpan<byte> Request(int sequence)
    {
        var template = sequence % _templates.Length;
        var bytes = _templates[template];
        sequence.TryFormat(
            bytes.AsSpan(_sequenceAt[template], SequenceDigits),
            out _,
            "x12",
            CultureInfo.InvariantCulture
        );
        return bytes;
    }

    private static int GreatestCommonDivisor(int a, int b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}

/// <summary>Access lists: 9 in 10 of the tokens that are asked for are on them.</summary>
internal static class AccessList
{
    /// <summary>Token <paramref name="number"/>; those whose number ends in 9 are on no list.</summary>
    public static string Token(int number) => $"bench-driver-token.{number:D10}";

    /// <summary>Writes a list of <paramref name="rules"/> tokens.</summary>
    public static void Write(string path, int rules)
    {
        using var file = new StreamWriter(path);
        file.WriteLine("token,stations,valid_from,valid_until,state");
        for (int written = 0, number = 0; written < rules; number++)
        {
            if (number % 10 == 9)
                continue;
            file.WriteLine($"{Token(number)},*,,,active");
            written++;
        }
    }
}
