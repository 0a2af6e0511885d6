namespace AkkaCharging.Requests;

/// <summary>The URL that a decision is delivered to.</summary>
/// <remarks>
/// Created by the address policy or read from the journal, so that no rejected URL has this type. Path and query are
/// sent byte for byte: <see cref="System.Uri"/> must not rewrite them.
/// </remarks>
internal sealed class CallbackUrl
{
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly string _sent; // the same object as the text, unless the two differ

    private CallbackUrl(string text, string sent, DestinationKey destination) =>
        (Text, _sent, Destination) = (text, sent, destination);

    /// <summary>The text as the caller wrote it; may contain secrets in its path and query.</summary>
    public string Text { get; }

    /// <summary>
    /// The URL as it is sent: host and port of <see cref="Destination"/>, path and query of <see cref="Text"/>, with
    /// <c>/</c> for an empty path. Each read creates a new object instead of keeping it, because it is larger than the
    /// text, and a million requests may be pending.
    /// </summary>
    public Uri Uri => new(_sent, Verbatim);

    /// <summary>The receiver of the callback; safe to log.</summary>
    public DestinationKey Destination { get; }

    /// <summary>Parses a URL whose characters, scheme and authority the address policy has accepted.</summary>
    /// <param name="uri">The URL as <see cref="System.Uri"/> parses it.</param>
    /// <returns>Null when <see cref="System.Uri"/> cannot parse it, or parses another path or query.</returns>
    internal static CallbackUrl? TryRead(string text, out Uri? uri)
    {
        var sent = ToSent(text);
        return
            Uri.TryCreate(sent, Verbatim, out uri)
            && PathAndQueryOf(sent).Equals(uri.PathAndQuery, StringComparison.Ordinal)
            ? new(text, sent, DestinationOf(uri))
            : null;
    }

    /// <summary>
    /// Reads a URL that was allowed when it was accepted, regardless of the current policy; its address is still vetted
    /// at connection time.
    /// </summary>
    /// <remarks>
    /// Versions up to 0.1.0 accepted paths and queries that RFC 3986 does not allow. Such a URL is sent as those
    /// versions sent it, in the spelling of <see cref="System.Uri"/>.
    /// </remarks>
    internal static CallbackUrl FromJournal(string text)
    {
        var sent = ToSent(text);
        if (PathAndQuery.FindFault(PathAndQueryOf(sent)) is not null)
            sent = new Uri(sent, UriKind.Absolute).AbsoluteUri;
        return new(text, sent, DestinationOf(new Uri(sent, Verbatim)));
    }

    /// <summary>Finds the first rule of RFC 3986 that the path or query breaks.</summary>
    internal PathAndQueryFault? FindFault() => PathAndQuery.FindFault(PathAndQueryOf(_sent));

    /// <summary>Returns scheme, host and port, which may be logged.</summary>
    public override string ToString() => Destination.ToString();

    /// <summary>
    /// Removes the trailing dot of an absolute name, which neither Host nor the TLS server name may have (RFC 6066
    /// section 3), and replaces an empty path by <c>/</c> (RFC 9112 section 3.2.1).
    /// </summary>
    private static string ToSent(string text)
    {
        var (host, path) = FindAuthority(text);
        if (path == text.Length || text[path] != '/')
            text = text.Insert(path, "/");
        var port = text.IndexOf(':', host, path - host); // or within IPv6, which has no dot before its first colon
        var hostEnd = port < 0 ? path : port;
        return text[hostEnd - 1] == '.' ? text.Remove(hostEnd - 1, 1) : text;
    }

    private static ReadOnlySpan<char> PathAndQueryOf(string sent) => sent.AsSpan(FindAuthority(sent).End);

    /// <summary>Finds where host and port begin and end.</summary>
    private static (int Start, int End) FindAuthority(string text)
    {
        var start = text.IndexOf(Uri.SchemeDelimiter, StringComparison.Ordinal) + Uri.SchemeDelimiter.Length;
        var length = text.AsSpan(start).IndexOfAny('/', '?');
        return (start, length < 0 ? text.Length : start + length);
    }

    private static DestinationKey DestinationOf(Uri uri) => new(uri.Scheme, uri.Host, uri.Port);
}

/// <summary>The receiver of a callback URL, which is isolated from other receivers.</summary>
/// <param name="Scheme">The scheme: <c>http</c> or <c>https</c>.</param>
/// <param name="Host">The host in lower case, without a trailing dot; IPv6 in brackets.</param>
/// <param name="Port">The port, 1 to 65535.</param>
internal readonly record struct DestinationKey(string Scheme, string Host, int Port)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Scheme}://{Host}:{Port}";
}
