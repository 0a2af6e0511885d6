using System.Net;
using System.Text;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Authorization.Http;
using AkkaCharging.Authorization.Ocpi;
using AkkaCharging.Callbacks;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Testing.Fuzzing;

/// <summary>
/// The readers of input that others write. Each target takes any bytes, and throws only if the reader has a defect:
/// an exception that it does not announce, or a result that breaks one of its promises.
/// </summary>
internal static class FuzzTargets
{
    private static readonly CallbackAddressPolicy Policy = new(SettingsLoader.Defaults.Callback.Security);
    private static readonly SubmissionReader Submissions = new(Policy, DriverTokenRules.Default);
    private static readonly HttpAuthorizer Authorizer = new(
        SettingsLoader.Defaults.Authorization.Http with
        {
            Url = new Uri("http://authorizer.example/"),
        },
        TimeProvider.System
    );
    private static readonly AuthorizationQuery Query = new(
        RequestId.New(DateTimeOffset.UnixEpoch),
        StationId.TryCreate("123e4567-e89b-42d3-a456-426614174000")!,
        DriverToken.TryCreate("fuzzed-driver-token-0001")!
    );
    private static readonly StationMapping Location = new("LOC1", ["EVSE1", "EVSE2"]);

    /// <summary>A target reads one input.</summary>
    public delegate void Target(ReadOnlySpan<byte> input);

    /// <summary>The targets, by the names of their folders in <c>tests/corpus</c>.</summary>
    public static readonly IReadOnlyDictionary<string, Target> All = new Dictionary<string, Target>(
        StringComparer.Ordinal
    )
    {
        ["submission"] = ReadSubmission,
        ["url"] = CheckUrl,
        ["hocon"] = ParseSettings,
        ["acl"] = ReadAccessList,
        ["authorizer"] = ReadAuthorizersAnswer,
        ["ocpi"] = ReadPartnersAnswer,
        ["operator"] = ReadOperatorsInput,
        ["retry-after"] = ReadRetryAfter,
        ["row"] = ReadRow,
    };

    private static void ReadSubmission(ReadOnlySpan<byte> input)
    {
        var fields = Submissions.Read(input, out var errors);
        Hold((fields is null) == (errors.Count > 0), "either fields or errors");
        Hold(fields is null || DriverTokenRules.Default.Allow(fields.Token.Secret), "the token keeps the rules");
        Submissions.ReadQuestion(input, out _);
    }

    /// <summary>What is accepted means the same to <see cref="Uri"/>, and is not known to lead inside.</summary>
    private static void CheckUrl(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        if (Policy.CheckUrl(text) is not UrlVerdict.Allowed { Url: var url })
            return;
        Hold(Uri.TryCreate(text, UriKind.Absolute, out var uri), "Uri reads it");
        Hold(uri!.Scheme is "http" or "https" && uri.UserInfo.Length == 0, "http without user info");
        Hold(uri.Port == url.Destination.Port, "the same port");
        Hold(string.Equals(uri.Host.TrimEnd('.'), url.Destination.Host, StringComparison.Ordinal), "the same host");
        Hold(!IPAddress.TryParse(uri.Host, out var ip) || Policy.CheckAddress(ip).IsAllowed, "a public address");
        Hold(!uri.IsLoopback, "not loopback");
    }

    private static void ParseSettings(ReadOnlySpan<byte> input)
    {
        var problems = new List<string>();
        var block = HoconParser.ParseFile("fuzz.conf", input.ToArray(), problems);
        Hold(block is not null || problems.Count > 0, "a problem is told");
    }

    private static void ReadAccessList(ReadOnlySpan<byte> input)
    {
        try
        {
            AclRules.Read(new MemoryStream(input.ToArray()), "fuzz.csv").Decide(Query, DateTimeOffset.UnixEpoch);
        }
        catch (InvalidAclException)
        {
            // announced
        }
    }

    private static void ReadAuthorizersAnswer(ReadOnlySpan<byte> input)
    {
        try
        {
            Authorizer.Understand(input);
        }
        catch (AuthorizerUnavailableException)
        {
            // announced
        }
    }

    private static void ReadPartnersAnswer(ReadOnlySpan<byte> input)
    {
        var reply = OcpiReply.Read(HttpStatusCode.OK, input);
        foreach (var version in new[] { "2.1.1", "2.2.1", "2.3.0" })
        {
            try
            {
                var info = reply.Require("versionsUrl");
                OcpiAuthorization.Read(info, OcpiVersion.Of(version), Query, Location, "NL-TNM");
            }
            catch (OcpiException)
            {
                // announced
            }
        }
    }

    private static void ReadOperatorsInput(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        var operators = new OperatorInput();
        operators.Destination(text);
        operators.Time("from", text);
        operators.Station(text);
        operators.Fingerprint(text);
        operators.RequestId("next", text);
        operators.Limit(text);
        if (operators.Cursor(text) is { } cursor)
            Hold(string.Equals(cursor.ToString(), text, StringComparison.Ordinal), "a cursor has one spelling");
        Hold(operators.Errors.All(error => error.Message.Length < 300), "messages do not repeat the input");
    }

    private static void ReadRetryAfter(ReadOnlySpan<byte> input)
    {
        using var response = new HttpResponseMessage();
        var lines = Encoding.Latin1.GetString(input).Split('\n');
        response.Headers.TryAddWithoutValidation("Retry-After", lines.Where(line => !line.Contains('\r')));
        Hold(RetryAfterHeader.Read(response.Headers, DateTimeOffset.UnixEpoch) is null or { Ticks: > 0 }, "a wait");
    }

    /// <summary>What a row may hold after somebody has written into the database.</summary>
    private static void ReadRow(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        StoredNames.Trace(text);
        try
        {
            var attempts = StoredNames.Attempts(text);
            var written = string.Concat(attempts.Select(StoredNames.Attempt));
            Hold(attempts.SequenceEqual(StoredNames.Attempts(written)), "attempts are read as they are written");
        }
        catch (Exception e) when (StoredRows.IsDamage(e))
        {
            // the row is told as damaged
        }
    }

    private static void Hold(bool condition, string promise)
    {
        if (!condition)
            throw new InvalidOperationException($"broken: {promise}");
    }
}
