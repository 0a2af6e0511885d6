using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AkkaCharging.Settings;
using OpenTelemetry.Exporter;

namespace AkkaCharging.Host.Telemetry;

/// <summary>The settings of the OTLP export from the standard <c>OTEL_*</c> variables.</summary>
/// <param name="Traces">The export of traces; null for none.</param>
/// <param name="Metrics">The export of metrics; null for none.</param>
/// <param name="MetricInterval">Interval of the export of metrics.</param>
/// <param name="MetricExportMax">Time-out of one export of metrics.</param>
/// <remarks>
/// The SDK throws on some invalid values, and replaces others by its default. Both would show only once the service
/// runs, so each variable that the service or the SDK reads is checked at the start. Source: OpenTelemetry
/// specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
/// </remarks>
internal sealed record OtlpSettings(
    OtlpSignal? Traces,
    OtlpSignal? Metrics,
    TimeSpan MetricInterval,
    TimeSpan MetricExportMax
)
{
    /// <summary>The settings of a process that exports nothing.</summary>
    public static OtlpSettings Off { get; } = new(Traces: null, Metrics: null, TimeSpan.Zero, TimeSpan.Zero);

    /// <summary>Whether anything is exported.</summary>
    public bool IsOn => Traces is not null || Metrics is not null;

    /// <summary>Reads the variables. If nothing is exported, they are not checked.</summary>
    /// <exception cref="InvalidSettingsException">Variables are invalid, all of which are listed without their
    /// values.</exception>
    public static OtlpSettings Read(IReadOnlyDictionary<string, string> environment)
    {
        var variables = new OtelVariables(environment);
        if (variables.IsDisabled)
            return Off;
        var traces = OtlpSignal.Read(variables, "TRACES");
        var metrics = OtlpSignal.Read(variables, "METRICS");
        if (traces is null && metrics is null && variables.Problems.Count == 0)
            return Off;
        var settings = new OtlpSettings(
            traces,
            metrics,
            variables.Millis("OTEL_METRIC_EXPORT_INTERVAL", byDefault: 60_000),
            variables.Millis("OTEL_METRIC_EXPORT_TIMEOUT", byDefault: 30_000)
        );

        // The SDK reads these itself.
        variables.Count("OTEL_BSP_SCHEDULE_DELAY", byDefault: 5_000);
        variables.Count("OTEL_BSP_EXPORT_TIMEOUT", byDefault: 30_000);
        var queue = variables.Count("OTEL_BSP_MAX_QUEUE_SIZE", byDefault: 2_048);
        var batch = variables.Count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", byDefault: Math.Min(queue, 512));
        if (batch > queue)
            variables.Refuse("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "at most OTEL_BSP_MAX_QUEUE_SIZE");
        variables.Sampler();
        return variables.Problems.Count == 0 ? settings : throw new InvalidSettingsException(variables.Problems);
    }
}

/// <summary>Where and how one signal is exported.</summary>
/// <param name="Endpoint">The complete URL, including the signal's path where the protocol has one.</param>
/// <param name="Headers">The headers as in the variable: <c>name=value</c>, separated by commas,
/// percent-encoded.</param>
/// <param name="Timeout">Time-out of one attempt.</param>
/// <param name="Authorities">Path of a PEM file with the authorities of the collector's certificate; null for those of
/// the system.</param>
/// <param name="Certificate">Path of a PEM file with the client's certificate; null for none.</param>
/// <param name="Key">Path of a PEM file with its key; null when it is in <paramref name="Certificate"/>.</param>
internal sealed record OtlpSignal(
    Uri Endpoint,
    OtlpExportProtocol Protocol,
    string? Headers,
    TimeSpan Timeout,
    string? Authorities,
    string? Certificate,
    string? Key
)
{
    /// <summary>Reads one signal; its own variables override the common ones.</summary>
    /// <returns>Null when the signal has no endpoint, or <c>OTEL_<paramref name="signal"/>_EXPORTER</c> is
    /// <c>none</c>.</returns>
    public static OtlpSignal? Read(OtelVariables variables, string signal)
    {
        const string Prefix = "OTEL_EXPORTER_OTLP_";
        if (!variables.Exports($"OTEL_{signal}_EXPORTER"))
            return null;
        var own = variables.Url($"{Prefix}{signal}_ENDPOINT");
        var common = variables.Url($"{Prefix}ENDPOINT");
        if ((own ?? common) is not { } endpoint)
            return null;

        var protocol = variables.Protocol(Named("PROTOCOL"));
        if (own is null && protocol == OtlpExportProtocol.HttpProtobuf)
            endpoint = Below(endpoint, $"v1/{signal.ToLowerInvariant()}");
        var (certificate, key) = (variables.Value(Named("CLIENT_CERTIFICATE")), variables.Value(Named("CLIENT_KEY")));
        if (certificate is not null)
            variables.Try(
                Named("CLIENT_CERTIFICATE"),
                "PEM files of a certificate and its key",
                () => X509Certificate2.CreateFromPemFile(certificate, key).Dispose()
            );
        var authorities = variables.Value(Named("CERTIFICATE"));
        if (authorities is not null)
            variables.Try(
                Named("CERTIFICATE"),
                "a PEM file of certificates",
                () => new X509Certificate2Collection().ImportFromPemFile(authorities)
            );
        return new(
            Endpoint: endpoint,
            Protocol: protocol,
            Headers: variables.Headers(Named("HEADERS")),
            Timeout: variables.Millis(Named("TIMEOUT"), byDefault: 10_000),
            Authorities: authorities,
            Certificate: certificate,
            Key: key
        );

        string Named(string what) =>
            variables.Value($"{Prefix}{signal}_{what}") is null ? Prefix + what : $"{Prefix}{signal}_{what}";
    }

    private static Uri Below(Uri endpoint, string path)
    {
        var url = new UriBuilder(endpoint);
        url.Path = $"{url.Path.TrimEnd('/')}/{path}";
        return url.Uri;
    }
}

/// <summary>Reads single variables and collects their problems.</summary>
internal sealed class OtelVariables(IReadOnlyDictionary<string, string> environment)
{
    private static readonly string[] Samplers =
    [
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ];

    private readonly HashSet<string> _problems = new(StringComparer.Ordinal);

    /// <summary>Whether <c>OTEL_SDK_DISABLED</c> is true.</summary>
    public bool IsDisabled => string.Equals(Value("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>One sentence for each invalid variable.</summary>
    public IReadOnlyList<string> Problems => [.. _problems];

    /// <summary>
    /// Returns a variable's value; null when it is absent or empty, which the specification treats alike.
    /// </summary>
    public string? Value(string name) => environment.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    /// <summary>Reports a variable, without its value, which may be a secret.</summary>
    public void Refuse(string name, string expected) =>
        _problems.Add($"environment variable {name}: expected {expected}.");

    /// <summary>Checks whether the <c>…_EXPORTER</c> variable of a signal allows its export over OTLP.</summary>
    public bool Exports(string name)
    {
        var exporter = Value(name) ?? "otlp";
        if (exporter is not ("otlp" or "none"))
            Refuse(name, "otlp or none");
        return !exporter.Equals("none", StringComparison.Ordinal);
    }

    /// <summary>Reads an absolute http or https URL; null when it is absent or invalid.</summary>
    public Uri? Url(string name)
    {
        if (Value(name) is not { } text)
            return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            return url;
        Refuse(name, "the http or https URL of an OpenTelemetry collector");
        return null;
    }

    /// <summary>Reads a protocol that the SDK supports.</summary>
    public OtlpExportProtocol Protocol(string name)
    {
        switch (Value(name))
        {
            case null or "grpc":
                return OtlpExportProtocol.Grpc;
            case "http/protobuf":
                return OtlpExportProtocol.HttpProtobuf;
            default:
                Refuse(name, "grpc or http/protobuf");
                return OtlpExportProtocol.Grpc;
        }
    }

    /// <summary>Reads a number of milliseconds, at least one.</summary>
    public TimeSpan Millis(string name, int byDefault) => TimeSpan.FromMilliseconds(Count(name, byDefault));

    /// <summary>Reads a whole number, at least one.</summary>
    public int Count(string name, int byDefault)
    {
        if (Value(name) is not { } text)
            return byDefault;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0)
            return number;
        Refuse(name, "a whole number of at least 1");
        return byDefault;
    }

    /// <summary>Reads the headers of each export.</summary>
    public string? Headers(string name)
    {
        if (Value(name) is not { } text)
            return null;
        if (!text.Split(',').All(IsHeader))
            Refuse(name, "comma-separated name=value pairs with percent-encoded values");
        return text;
    }

    /// <summary>Checks the sampler, which the SDK reads itself.</summary>
    public void Sampler()
    {
        if (Value("OTEL_TRACES_SAMPLER") is not { } sampler)
            return;
        if (!Samplers.Contains(sampler, StringComparer.Ordinal))
            Refuse("OTEL_TRACES_SAMPLER", $"one of {string.Join(", ", Samplers)}");
        if (
            sampler.EndsWith("ratio", StringComparison.Ordinal)
            && Value("OTEL_TRACES_SAMPLER_ARG") is { } ratio
            && !(
                double.TryParse(ratio, NumberStyles.Float, CultureInfo.InvariantCulture, out var share)
                && share is >= 0 and <= 1
            )
        )
            Refuse("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1");
    }

    /// <summary>Reports a variable whose files cannot be read.</summary>
    public void Try(string name, string expected, Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            Refuse(name, expected);
        }
    }

    private static bool IsHeader(string pair)
    {
        var separator = pair.IndexOf('=', StringComparison.Ordinal);
        return separator > 0
            && pair[..separator].Trim() is { Length: > 0 } header
            && header.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal))
            && !Uri.UnescapeDataString(pair[(separator + 1)..]).Any(char.IsControl);
    }
}
