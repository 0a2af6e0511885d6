using System.Text.Json;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Ocpi;

/// <summary>
/// The partner's URL for questions about tokens: from the settings, or discovered from its list of versions.
/// </summary>
/// <remarks>
/// The URL is discovered at the first question, then once a day and after an answer that suggests a wrong URL, at most
/// once a minute. While an older URL is known, questions do not wait for a new discovery. A discovered URL must have
/// the host of <c>versionsUrl</c> and be no less secure, because the credentials are sent to it.
/// </remarks>
internal sealed class OcpiEndpoint : IDisposable
{
    private const int UrlLengthMax = 255;
    private static readonly TimeSpan RefreshedAfter = TimeSpan.FromDays(1);
    private static readonly TimeSpan RefreshedAtMost = TimeSpan.FromMinutes(1);

    private readonly OcpiClient _client;
    private readonly OcpiVersion _version;
    private readonly OcpiPartnerSettings _partner;
    private readonly TimeSpan _attemptTimeout;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private Task<Discovery>? _discovery;
    private Uri? _url;
    private long _startedAt;
    private bool _isDoubted;
    private bool _isRefused;

    public OcpiEndpoint(
        OcpiClient client,
        OcpiVersion version,
        OcpiPartnerSettings partner,
        TimeSpan attemptTimeout,
        TimeProvider time
    ) => (_client, _version, _partner, _attemptTimeout, _time) = (client, version, partner, attemptTimeout, time);

    /// <summary>The name of the setting that the URL comes from.</summary>
    public string Setting => _partner.TokensUrl is null ? "versionsUrl" : "tokensUrl";

    /// <summary>Returns the URL of the tokens interface that the partner offers as their sender.</summary>
    /// <exception cref="OcpiException">No URL could be discovered.</exception>
    public async ValueTask<Uri> GetAsync(CancellationToken cancellationToken)
    {
        if (_partner.TokensUrl is { } configured)
            return configured;
        Task<Discovery> discovery;
        lock (_gate)
        {
            if (_url is null ? IsFirstDue() : IsRefreshDue())
            {
                (_startedAt, _isDoubted) = (_time.GetTimestamp(), false);
                _discovery = DiscoverAndKeepAsync();
            }

            if (_url is { } known)
                return known;
            discovery = _discovery!;
        }

        var found = await discovery.WaitAsync(cancellationToken);
        return found.Url ?? throw found.Failure!;
    }

    /// <summary>Requests a new discovery, after an answer suggested that the URL is wrong.</summary>
    public void Doubt()
    {
        lock (_gate)
            _isDoubted = true;
    }

    /// <summary>Requests the partner's versions and then the endpoints of the configured version.</summary>
    /// <exception cref="OcpiException">The partner offers no such endpoint.</exception>
    public async Task<Uri> DiscoverAsync(CancellationToken cancellationToken)
    {
        var versionsUrl = _partner.VersionsUrl!;
        var versions = (await GetAsync(versionsUrl, cancellationToken)).Require("versionsUrl");
        var offered = OcpiJson
            .Items(versions)
            .FirstOrDefault(version => IsText(version, "version", _version.Name))
            .Text("url");
        if (offered is null)
            throw new OcpiException(
                $"does not offer version {_version.Name}; check authorization.ocpi.version",
                OcpiBlame.Settings
            );
        var details = (await GetAsync(Follow(offered), cancellationToken)).Require("versionsUrl");
        var tokens = details
            .Field("endpoints")
            .Items()
            .FirstOrDefault(endpoint =>
                IsText(endpoint, "identifier", "tokens") && (!_version.HasRoles || IsText(endpoint, "role", "SENDER"))
            )
            .Text("url");
        return tokens is null
            ? throw new OcpiException("lists no tokens endpoint as their sender", OcpiBlame.Settings)
            : Follow(tokens);

        static bool IsText(JsonElement element, string name, string value) =>
            string.Equals(element.Text(name), value, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Cancels a pending discovery.</summary>
    public void Dispose()
    {
        _stopping.Cancel();
        _stopping.Dispose();
    }

    // A partner that cannot be reached is spared by its breaker, one that refuses the settings by this.
    private bool IsFirstDue() =>
        _discovery is null or { IsCompleted: true }
        && (!_isRefused || _time.GetElapsedTime(_startedAt) >= RefreshedAtMost);

    private bool IsRefreshDue() =>
        _discovery is { IsCompleted: true }
        && _time.GetElapsedTime(_startedAt) >= (_isDoubted ? RefreshedAtMost : RefreshedAfter);

    // Independent of any single question, so that cancelling one question does not cancel the discovery for the others.
    private async Task<Discovery> DiscoverAndKeepAsync()
    {
        try
        {
            var url = await DiscoverAsync(_stopping.Token);
            lock (_gate)
                _url = url;
            return new Discovery(url, Failure: null);
        }
        catch (OcpiException e)
        {
            lock (_gate)
                _isRefused = e.Blame == OcpiBlame.Settings;
            return new Discovery(Url: null, e);
        }
        catch (OperationCanceledException e)
        {
            return new Discovery(
                Url: null,
                new OcpiException("is not asked, because the service is stopping", OcpiBlame.Question, e)
            );
        }
    }

    private async Task<OcpiReply> GetAsync(Uri url, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_attemptTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await _client.GetAsync(url, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new OcpiException(
                $"did not list its endpoints within {_attemptTimeout.TotalMilliseconds} ms",
                OcpiBlame.Partner,
                e
            );
        }
    }

    private Uri Follow(string text) =>
        Read(text, listedBy: _partner.VersionsUrl!)
        ?? throw new OcpiException(
            "lists an endpoint that is not a URL on the host of versionsUrl; expected tokensUrl instead",
            OcpiBlame.Settings
        );

    /// <summary>
    /// Reads the URL of an endpoint; null unless it has the host of <paramref name="listedBy"/>, and https if that has.
    /// </summary>
    internal static Uri? Read(string text, Uri listedBy) =>
        text.Length <= UrlLengthMax
        && Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme is "https" || (url.Scheme is "http" && listedBy.Scheme is "http"))
        && url.UserInfo.Length == 0
        && string.Equals(url.Host, listedBy.Host, StringComparison.OrdinalIgnoreCase)
            ? url
            : null;

    /// <summary>The result of a discovery: a URL or a failure.</summary>
    private sealed record Discovery(Uri? Url, OcpiException? Failure);
}
