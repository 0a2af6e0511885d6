namespace AkkaCharging.Requests;

/// <summary>The URL that a decision is delivered to.</summary>
/// <remarks>
/// Made by the address policy, or read back from the journal, so that no refused URL has this type. Path and query are
/// sent byte for byte: <see cref="System.Uri"/> is kept from rewriting them.
/// </remarks>
internal sealed class CallbackUrl
{
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly string _sent; // the same object as the text, unless the two differ

    private CallbackUrl(string text, string sent, DestinationKey destination) =>
        (Text, _sent, Destination) = (text, sent, destination);

    /// <summary>The text as the caller wrote it; may carry secrets in its path and query.</summary>
    public string Text { get; }

    /// <summary>
    /// The URL as it is sent: its host and port are those of <see cref="Destination"/>, its path and query those of
    /// <see cref="Text"/>, with <c>/</c> for an empty path. Each read makes a new object, which is larger than the
    /// text: a million requests may wait.
    /// </summary>
    public Uri Uri => new(_sent, Verbatim);

    /// <summary>The receiver of the callback; safe to log.</summary>
    public DestinationKey Destination { get; }

    /// <summary>
    /// Reads a URL whose characters, scheme and authority the address policy has found valid.
    /// </summary>
    /// <returns>Null when <see cref="System.Uri"/> cannot read it, or reads another path or query.</returns>
    internal static CallbackUrl? TryRead(string text)
    {
        var sent = ToSent(text);
        return
            Uri.TryCreate(sent, Verbatim, out var uri)
            && PathAndQueryOf(sent).Equals(uri.PathAndQuery, StringComparison.Ordinal)
            ? new(text, sent, DestinationOf(uri))
            : null;
    }

    /// <summary>
    /// Reads a URL that was allowed when it was accepted, whatever the policy says today; its address is vetted at
    /// connect all the same.
    /// </summary>
    /// <remarks>
    /// Versions up to 0.1.0 accepted paths and queries that RFC 3986 does not allow. Such a URL goes out as those
    /// versions sent it, in the spelling of <see cref="System.Uri"/>.
    /// </remarks>
    internal static CallbackUrl FromJournal(string text)
    {
        var sent = ToSent(text);
        if (PathAndQuery.FindFault(PathAndQueryOf(sent)) is not null)
            sent = new Uri(sent, UriKind.Absolute).AbsoluteUri;
        return new(text, sent, DestinationOf(new Uri(sent, Verbatim)));
    }

    /// <summary>Finds the first rule of RFC 3986 that the path and query break.</summary>
    internal PathAndQueryFault? FindFault() => PathAndQuery.FindFault(PathAndQueryOf(_sent));

    /// <summary>Scheme, host and port: what a log line may say.</summary>
    public override string ToString() => Destination.ToString();

    /// <summary>
    /// Removes the trailing dot of an absolute name, which neither Host nor the TLS server name may carry (RFC 6066
    /// section 3), and puts <c>/</c> in the place of an empty path (RFC 9112 section 3.2.1).
    /// </summary>
    private static string ToSent(string text)
    {
        var (host, path) = FindAuthority(text);
        if (path == text.Length || text[path] != '/')
            text = text.Insert(path, "/");
        var port = text.IndexOf(':', host, path - host); // or within IPv6, where no dot stands before the first colon
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

/// <summary>The receiver behind a callback URL: what is isolated from other receivers.</summary>
/// <param name="Scheme"><c>http</c> or <c>https</c>.</param>
/// <param name="Host">Lower case, without a trailing dot; IPv6 in brackets.</param>
/// <param name="Port">1 to 65535.</param>
internal readonly record struct DestinationKey(string Scheme, string Host, int Port)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Scheme}://{Host}:{Port}";
}
