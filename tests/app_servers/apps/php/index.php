<?php
// The router of PHP's own web server: a form, and what was sent with it.
header('Content-Type: text/plain');
switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/':
        echo "php\n";
        break;
    case '/form':
        ksort($_POST);
        echo json_encode(['post' => $_POST, 'host' => $_SERVER['HTTP_HOST']], JSON_UNESCAPED_UNICODE), "\n";
        break;
    case '/login':
        session_start();
        $_SESSION['user'] = $_POST['user'];
        header('Location: /me', true, 303);
        break;
    case '/me':
        session_start();
        echo $_SESSION['user'] ?? 'nobody', "\n";
        break;
    case '/file':
        $file = $_FILES['file'];
        echo $file['name'], ' ', $file['size'], ' ', hash_file('sha256', $file['tmp_name']), "\n";
        break;
    default:
        http_response_code(404);
        echo "not here\n";
}
